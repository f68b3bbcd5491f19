//! Octets of flash and of RAM on a Cortex-M3, by the profiles in `firmware-examples/profiles`.

use super::super::image::Image;
use super::super::table::{Goal, Peer, Report, Row};
use super::{io_smtp, lwip};
use gatepost_core::smtp::{Basic, Config, Error, Protocol, Security, Session, Storage};
use harness::{Context, Result, packages, repository};

const PROFILES: [&str; 4] = ["profile_none", "profile_basic", "profile_full", "profile_scram"];

pub(crate) fn run(report: &mut Report) -> Result<()> {
    let [none, basic, full, scram] = images(report)?;
    let baseline = none.flash()?;
    let lwip = lwip::measure(report).map_err(|error| format!("needs {error}"));
    let lwip = |value: fn(&lwip::Measured) -> u64| match &lwip {
        Ok(measured) => Ok(value(measured) as f64),
        Err(why) => Err(why.as_str().into()),
    };
    let beyond = |image: &Image, less: u64| Ok(image.flash()?.saturating_sub(less) as f64);
    report.row(&Row {
        what: "flash, thumbv7m: what lwIP's smtp.c does, and more".to_owned(),
        unit: "octets",
        goal: Goal::Least,
        reach: Some(3000.0),
        ours: beyond(&basic, baseline),
        peers: vec![Peer::new(
            "lwIP smtp.c, PLAIN and LOGIN",
            lwip(|measured| measured.flash),
        )],
    });
    let version = super::clients::version("tests/peers/firmware", "io-smtp");
    let io_smtp = io_smtp::flash(report, baseline).map_err(|error| format!("needs {error}").into());
    report.row(&Row {
        what: "flash, thumbv7m: embedded profile with composer".to_owned(),
        unit: "octets",
        goal: Goal::Least,
        reach: Some(12.0 * 1024.0),
        ours: beyond(&full, baseline),
        peers: vec![Peer::new(
            &format!("io-smtp{version}, PLAIN, no composer, with allocator"),
            io_smtp,
        )],
    });
    report.row(&Row {
        what: "flash, thumbv7m: SCRAM-SHA-256 on top".to_owned(),
        unit: "octets",
        goal: Goal::Least,
        reach: Some(4.0 * 1024.0),
        ours: beyond(&scram, full.flash()?),
        peers: Vec::new(),
    });
    for (profile, image) in [("basic", &basic), ("full", &full)] {
        report.row(&Row {
            what: format!("RAM, thumbv7m: state of a session, {profile}"),
            unit: "octets",
            goal: Goal::Least,
            reach: Some(160.0),
            ours: image.symbol("SESSION_STATE").map(|size| size as f64),
            peers: vec![Peer::new(
                "lwIP struct smtp_session, without its copies",
                lwip(|measured| measured.session),
            )],
        });
    }
    report.row(&Row {
        what: "RAM: least buffers of a session".to_owned(),
        unit: "octets",
        goal: Goal::Least,
        reach: Some(128.0),
        ours: least_buffers(),
        peers: Vec::new(),
    });
    report.row(&Row {
        what: "RAM, thumbv7m: state of the composer".to_owned(),
        unit: "octets",
        goal: Goal::Least,
        reach: Some(256.0),
        ours: full.symbol("COMPOSER_STATE").map(|size| size as f64),
        peers: Vec::new(),
    });
    Ok(())
}

/// Prints what each profile holds beyond the baseline, the largest pieces first.
pub(crate) fn symbols() -> Result<bool> {
    let report = Report::new("smtp", false);
    let [none, profiles @ ..] = images(&report)?;
    let baseline = none.flash()?;
    let shared: Vec<String> = none.symbols()?.into_iter().map(|symbol| symbol.name).collect();
    for (name, image) in PROFILES.iter().skip(1).zip(&profiles) {
        println!(
            "\n{name}: {} octets beyond {baseline}",
            image.flash()?.saturating_sub(baseline)
        );
        let mut symbols = image.symbols()?;
        symbols.retain(|symbol| symbol.flash && !shared.contains(&symbol.name));
        symbols.sort_by_key(|symbol| std::cmp::Reverse(symbol.size));
        for symbol in symbols.iter().take(40) {
            println!("{:7} {}", symbol.size, symbol.name);
        }
    }
    Ok(true)
}

fn images(report: &Report) -> Result<[Image; 4]> {
    report.note("building the profiles for thumbv7m");
    packages::targets(&[repository::FIRMWARE_TARGET])?;
    let mut images = Vec::new();
    for name in PROFILES {
        images.push(Image::read(&repository::profile(name)?)?);
    }
    images.try_into().map_err(|_| "not four profiles".into())
}

/// What a session with the shortest name and no authentication asks for, by its own error.
fn least_buffers() -> Result<f64> {
    let config = Config {
        client: "[192.0.2.1]",
        security: Security::Plain,
        protocol: Protocol::Smtp,
        mechanisms: &mut [],
    };
    let nothing = Storage {
        receive: &mut [],
        transmit: &mut [],
        accepted: &mut [],
    };
    match Session::<Basic, &[u8]>::new(config, nothing) {
        Err(Error::Storage { receive, transmit, .. }) => Ok(f64::from(receive) + f64::from(transmit)),
        Err(error) => Err(error).context("a session without buffers"),
        Ok(_) => Err("a session without buffers is none".into()),
    }
}
