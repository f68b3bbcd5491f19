//! The table: rows of what was measured, printed as they come.

use harness::Result;
use std::time::Instant;

/// One thing that was measured, ours and others'.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) unit: &'static str,
    pub(crate) goal: Goal,
    /// What we want to reach.
    pub(crate) reach: Option<f64>,
    pub(crate) ours: Result<f64>,
    pub(crate) peers: Vec<Peer>,
}

/// Which values are good.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    Least,
    Most,
}

/// Another program, measured in the same way.
pub(crate) struct Peer {
    pub(crate) name: String,
    /// An error says what is missing.
    pub(crate) value: Result<f64>,
}

impl Peer {
    pub(crate) fn new(name: &str, value: Result<f64>) -> Self {
        Self {
            name: name.to_owned(),
            value,
        }
    }
}

impl Row {
    /// How many times better ours is than `peer`.
    fn ratio(&self, peer: f64) -> Option<f64> {
        let ours = *self.ours.as_ref().ok()?;
        let ratio = match self.goal {
            Goal::Least => peer / ours,
            Goal::Most => ours / peer,
        };
        ratio.is_finite().then_some(ratio)
    }

    fn met(&self) -> Option<bool> {
        let (ours, reach) = (*self.ours.as_ref().ok()?, self.reach?);
        Some(match self.goal {
            Goal::Least => ours <= reach,
            Goal::Most => ours >= reach,
        })
    }
}

/// Prints rows and remembers how many there were.
pub(crate) struct Report {
    area: String,
    json: bool,
    start: Instant,
    rows: u32,
    failed: u32,
    with_reach: u32,
    met: u32,
}

impl Report {
    pub(crate) fn new(area: &str, json: bool) -> Self {
        Self {
            area: area.to_owned(),
            json,
            start: Instant::now(),
            rows: 0,
            failed: 0,
            with_reach: 0,
            met: 0,
        }
    }

    /// Says what is going on, apart from the table.
    pub(crate) fn note(&self, line: &str) {
        eprintln!("[{:5.1} s] {line}", self.start.elapsed().as_secs_f32());
    }

    /// Prints one row.
    pub(crate) fn row(&mut self, row: &Row) {
        if self.rows == 0 && !self.json {
            println!(
                "{:58} {:>10} {:>10} {:>7}  {:12} {:3}",
                "what", "ours", "peer", "ratio", "reach", "met"
            );
        }
        self.rows += 1;
        self.failed += u32::from(row.ours.is_err());
        self.with_reach += u32::from(row.reach.is_some());
        self.met += u32::from(row.met() == Some(true));
        if self.json {
            self.objects(row);
        } else {
            lines(row);
        }
    }

    /// An object a row and peer; one with `null` where there is no peer.
    fn objects(&self, row: &Row) {
        if row.peers.is_empty() {
            println!("{}", self.object(row, None));
        }
        for peer in &row.peers {
            println!("{}", self.object(row, Some(peer)));
        }
    }

    fn object(&self, row: &Row, peer: Option<&Peer>) -> String {
        let value = peer.and_then(|peer| peer.value.as_ref().ok().copied());
        let fields = [
            ("area", string(&self.area)),
            ("what", string(&row.what)),
            ("ours", number(row.ours.as_ref().ok().copied())),
            ("unit", string(row.unit)),
            ("peer", peer.map_or("null".to_owned(), |peer| string(&peer.name))),
            ("peer_value", number(value)),
            ("ratio", number(value.and_then(|value| row.ratio(value)))),
            ("reach", number(row.reach)),
            ("met", row.met().map_or("null".to_owned(), |met| met.to_string())),
        ];
        let fields = fields.map(|(name, value)| format!("\"{name}\":{value}"));
        format!("{{{}}}", fields.join(","))
    }

    /// Prints the sum; true if all of ours was measured.
    pub(crate) fn finish(self) -> bool {
        if !self.json {
            println!(
                "\nratio: how many times better ours is. {} of {} goals met, {} rows, {:.0} s.",
                self.met,
                self.with_reach,
                self.rows,
                self.start.elapsed().as_secs_f32()
            );
        }
        self.failed == 0
    }
}

fn lines(row: &Row) {
    let what = format!("{} [{}]", row.what, row.unit);
    let (ours, why) = match &row.ours {
        Ok(ours) => (round(*ours), String::new()),
        Err(why) => ("failed".to_owned(), format!("  {why}")),
    };
    let sign = if row.goal == Goal::Least { "<=" } else { ">=" };
    let reach = row
        .reach
        .map_or(String::new(), |reach| format!("{sign} {}", round(reach)));
    let met = match row.met() {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "",
    };
    println!("{what:58} {ours:>10} {:>10} {:>7}  {reach:12} {met:3}{why}", "", "");
    for peer in &row.peers {
        match &peer.value {
            Ok(value) => {
                let ratio = row.ratio(*value).map_or(String::new(), |ratio| format!("{ratio:.2}"));
                println!("  {:56} {:>10} {:>10} {ratio:>7}", peer.name, "", round(*value));
            }
            Err(needs) => println!("  {:56} not measured: {needs}", peer.name),
        }
    }
}

/// Three digits that count, or all before the point.
fn round(value: f64) -> String {
    match value.abs() {
        value if value >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

fn number(value: Option<f64>) -> String {
    match value {
        Some(value) if value.is_finite() => value.to_string(),
        _ => "null".to_owned(),
    }
}

fn string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            character if character.is_control() => quoted.push(' '),
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(goal: Goal, ours: Result<f64>) -> Row {
        Row {
            what: "a \"thing\"".to_owned(),
            unit: "octets",
            goal,
            reach: Some(10.0),
            ours,
            peers: Vec::new(),
        }
    }

    #[test]
    fn the_ratio_says_how_many_times_better_ours_is() {
        assert_eq!(row(Goal::Least, Ok(5.0)).ratio(20.0), Some(4.0));
        assert_eq!(row(Goal::Most, Ok(5.0)).ratio(20.0), Some(0.25));
        assert_eq!(row(Goal::Least, Ok(0.0)).ratio(20.0), None);
        assert_eq!(row(Goal::Least, Err("no".into())).ratio(20.0), None);
    }

    #[test]
    fn a_goal_is_met_on_its_own_side() {
        assert_eq!(row(Goal::Least, Ok(10.0)).met(), Some(true));
        assert_eq!(row(Goal::Least, Ok(10.5)).met(), Some(false));
        assert_eq!(row(Goal::Most, Ok(9.5)).met(), Some(false));
        assert_eq!(row(Goal::Most, Err("no".into())).met(), None);
    }

    #[test]
    fn an_object_holds_every_field() {
        let peer = Peer::new("lwIP", Ok(20.0));
        let missing = Peer::new("io-smtp", Err("needs it".into()));
        let report = Report::new("smtp", true);
        let row = row(Goal::Least, Ok(5.0));
        assert_eq!(
            report.object(&row, Some(&peer)),
            r#"{"area":"smtp","what":"a \"thing\"","ours":5,"unit":"octets","peer":"lwIP","peer_value":20,"ratio":4,"reach":10,"met":true}"#
        );
        assert_eq!(
            report.object(&row, Some(&missing)),
            r#"{"area":"smtp","what":"a \"thing\"","ours":5,"unit":"octets","peer":"io-smtp","peer_value":null,"ratio":null,"reach":10,"met":true}"#
        );
    }

    #[test]
    fn numbers_are_short_but_exact_enough() {
        assert_eq!([0.123, 4.0, 12.34, 123.4].map(round), ["0.12", "4", "12.3", "123"]);
    }
}
