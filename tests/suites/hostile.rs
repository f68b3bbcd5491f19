//! Hostile and odd mail servers against the real `gatepost mail send`: the stories of `tests/hostile`.

use harness::certificates::Authority;
use harness::hostile::{self, Gatepost, matrix};
use harness::repository;
use std::io::Write;

#[test]
fn every_story_has_its_right_end() {
    let stories = hostile::stories().unwrap();
    assert!(stories.len() > 40, "only {} stories were found", stories.len());
    let only = std::env::var("STORY").unwrap_or_default();
    let stories: Vec<_> = stories.into_iter().filter(|story| story.name.contains(&only)).collect();
    let authority = Authority::new("Gatepost Laboratory").unwrap();
    let client = Gatepost {
        binary: repository::gatepost().unwrap(),
    };
    let verdicts = hostile::play_all(&stories, &client, &authority).unwrap();
    let played: Vec<_> = stories.into_iter().zip(verdicts).collect();
    // The print macros would be captured; the table is for those who look on.
    let _ = std::io::stderr().write_all(matrix::table(&played).as_bytes());
    let wrong: Vec<String> = played
        .iter()
        .flat_map(|(story, verdict)| verdict.faults.iter().map(|fault| format!("{}: {fault}", story.name)))
        .collect();
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
}
