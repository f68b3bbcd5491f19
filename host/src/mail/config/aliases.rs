//! Who is meant by a name without a domain: `root`, mostly (aliases(5)).

use super::Fault;
use crate::mail::address_list;

/// Names and the addresses that are meant by them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aliases {
    entries: Vec<(String, Vec<String>)>,
    /// For every name that is not among them.
    pub default: Option<String>,
    /// A name at one of these domains counts as one without a domain.
    pub local: Vec<String>,
}

impl Aliases {
    /// Adds a name; an earlier entry for it stays the one that counts.
    pub fn insert(&mut self, name: &str, targets: Vec<String>) {
        match name {
            "default" | "*" => self.default = self.default.take().or_else(|| targets.into_iter().next()),
            _ => self.entries.push((name.to_owned(), targets)),
        }
    }

    /// Reads a file as aliases(5) has it: `name: address, address`, continued by lines that begin with white space.
    pub fn read(&mut self, text: &str) -> Result<(), Fault> {
        let mut logical: Vec<(usize, String)> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.trim_start().starts_with('#') {
                continue;
            }
            match logical.last_mut() {
                Some((_, before)) if line.starts_with([' ', '\t']) => before.push_str(line),
                _ => logical.push((index + 1, line.to_owned())),
            }
        }
        for (number, line) in logical {
            let (name, targets) = line
                .split_once(':')
                .ok_or_else(|| Fault::new(number, "no colon behind the name of an alias"))?;
            let targets = targets.split(',').map(str::trim).filter(|target| !target.is_empty());
            self.insert(name.trim().trim_matches('"'), targets.map(str::to_owned).collect());
        }
        Ok(())
    }

    /// The addresses that are meant by `recipient`, of which the last stage may still lack its domain.
    pub fn expand(&self, recipient: &str) -> Result<Vec<String>, String> {
        let mut found = Vec::new();
        self.follow(recipient, &mut Vec::new(), &mut found)?;
        Ok(found)
    }

    fn follow(&self, recipient: &str, path: &mut Vec<String>, found: &mut Vec<String>) -> Result<(), String> {
        let name = match recipient.rsplit_once('@') {
            // What an alias leads to is meant as it is written.
            Some((name, domain))
                if path.is_empty() && self.local.iter().any(|local| local.eq_ignore_ascii_case(domain)) =>
            {
                name
            }
            Some(_) => {
                found.push(recipient.to_owned());
                return Ok(());
            }
            None => recipient,
        };
        let entry = self.entries.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let default = self.default.as_slice();
        // A name that is its own alias is the end of it.
        let targets = match entry {
            _ if path.iter().any(|passed| passed.eq_ignore_ascii_case(name)) => &[][..],
            Some((_, targets)) => targets,
            None => default,
        };
        if targets.is_empty() {
            found.push(if path.is_empty() {
                recipient.to_owned()
            } else {
                name.to_owned()
            });
            return Ok(());
        }
        if path.len() == DEEPEST || found.len() > MOST {
            return Err(format!("alias {name}: it leads to too many others"));
        }
        path.push(name.to_owned());
        for target in targets {
            if target.starts_with(['|', '/', ':']) || target.starts_with("\"|") || target.starts_with("\"/") {
                return Err(format!(
                    "alias {name}: {target} is no address, and nothing is delivered here"
                ));
            }
            let listed = address_list::addresses(target.as_bytes());
            for address in listed.map_err(|error| format!("alias {name}: {target}: {error}"))? {
                self.follow(&address.address, path, found)?;
            }
        }
        path.pop();
        Ok(())
    }
}

/// How many aliases may lead to one another.
const DEEPEST: usize = 10;
/// How many addresses one recipient may become.
const MOST: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn aliases(text: &str) -> Aliases {
        let mut aliases = Aliases::default();
        aliases.read(text).unwrap();
        aliases
    }

    fn check(aliases: &Aliases, recipient: &str, expected: &[&str]) {
        assert_eq!(aliases.expand(recipient).unwrap(), expected, "{recipient}");
    }

    #[test]
    fn names_lead_to_addresses() {
        let aliases = aliases(
            "# See man 5 aliases for format\npostmaster:    root\nroot: alice@home.test,\n\tBob <bob@home.test>\n\
             loop: pool\npool: loop\nself: self, carol@home.test\nempty:\n",
        );
        check(&aliases, "postmaster", &["alice@home.test", "bob@home.test"]);
        check(&aliases, "ROOT", &["alice@home.test", "bob@home.test"]);
        check(&aliases, "dave", &["dave"]);
        check(&aliases, "root@mail.test", &["root@mail.test"]);
        check(&aliases, "loop", &["loop"]);
        check(&aliases, "self", &["self", "carol@home.test"]);
        check(&aliases, "empty", &["empty"]);
    }

    #[test]
    fn a_default_takes_all_who_are_local() {
        let mut aliases = aliases("default: admin@home.test\n");
        aliases.local = vec!["gate.home.test".to_owned()];
        check(&aliases, "anybody", &["admin@home.test"]);
        check(&aliases, "root@GATE.home.test", &["admin@home.test"]);
        check(&aliases, "root@home.test", &["root@home.test"]);
    }

    #[test]
    fn programs_files_and_floods_are_refused() {
        let mut deep = String::new();
        for index in 0..20 {
            deep += &format!("a{index}: a{}\n", index + 1);
        }
        let wide = format!("{deep}b0: {}\n", ["b1"; 50].join(","))
            + &format!("b1: {}\nb2: {}\n", ["b2"; 50].join(","), ["c@d.test"; 50].join(","));
        for (text, name) in [
            ("a: |/usr/bin/vacation", "a"),
            ("a: \"|procmail -p\"", "a"),
            ("a: /dev/null", "a"),
            ("a: :include:/list", "a"),
            (&*wide, "a0"),
            (&*wide, "b0"),
        ] {
            assert!(aliases(text).expand(name).unwrap_err().starts_with("alias "), "{text}");
        }
        assert!(Aliases::default().read("no colon").is_err());
    }
}
