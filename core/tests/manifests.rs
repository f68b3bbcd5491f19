//! Manifests from files, each with what it must give: URLs by Representation, or one line that says what is wrong where.
//!
//! `name.mpd` is read in pieces of every size; `name.txt` holds what comes of it.

use gatepost_core::dash::{self, Element, Reader, Token, Tokenizer, Track};
use gatepost_core::http::Url;
use std::fmt::Write;
use std::path::Path;

/// The memory of the device: what does not fit must be refused.
type Small = Track<8, 32>;

fn manifests() -> Vec<(String, Vec<u8>, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifests");
    let mut manifests: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "mpd"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (
                name,
                std::fs::read(&path).unwrap(),
                std::fs::read_to_string(path.with_extension("txt")).unwrap(),
            )
        })
        .collect();
    manifests.sort();
    assert!(manifests.len() > 50);
    manifests
}

fn chunk_sizes(length: usize) -> impl Iterator<Item = usize> {
    (1..=64).chain([1460, length.max(1)])
}

/// Reads `manifest` in pieces of `chunk` octets.
fn read(name: &str, manifest: &[u8], chunk: usize) -> Result<Small, dash::Error> {
    let mut buffer = [0xaa; 1024];
    let mut reader = Reader::new(&mut buffer);
    let document = format!("http://example.test/content/{name}.mpd");
    let mut track = Small::new(&Url::parse(&document).unwrap()).unwrap();
    for octets in manifest.chunks(chunk) {
        dash::feed(&mut reader, &mut track, octets)?;
    }
    dash::finish(&mut reader, &track)?;
    Ok(track)
}

/// The URLs of every Representation, or the error, as the `.txt` files have them.
fn describe(track: Result<Small, dash::Error>) -> String {
    let mut text = String::new();
    let track = match track {
        Ok(track) => track,
        Err(error) => return format!("error: {error}\n"),
    };
    for (representation, bandwidth) in track.bandwidths().iter().enumerate() {
        writeln!(text, "representation {bandwidth}").unwrap();
        let mut out = [0; 256];
        match track.initialization_url(representation, &mut out) {
            Ok(Some(url)) => writeln!(text, "{url}").unwrap(),
            Ok(None) => {}
            Err(error) => return format!("{text}error: {error}\n"),
        }
        for segment in track.segments(0) {
            match track.url(&segment, representation, &mut out) {
                Ok(url) => writeln!(text, "{url}").unwrap(),
                Err(error) => return format!("{text}error: {error}\n"),
            }
        }
    }
    text
}

#[test]
fn every_manifest_gives_what_it_should_at_every_split() {
    for (name, manifest, expected) in manifests() {
        for chunk in chunk_sizes(manifest.len()) {
            assert_eq!(
                describe(read(&name, &manifest, chunk)),
                expected,
                "{name} in pieces of {chunk}"
            );
        }
    }
}

#[test]
fn a_manifest_cut_anywhere_is_an_error_with_its_place() {
    for (name, manifest, expected) in manifests()
        .into_iter()
        .filter(|(.., expected)| !expected.contains("error: "))
    {
        let end = manifest
            .iter()
            .rposition(|octet| *octet == b'D')
            .map_or(0, |last| last + 2);
        for cut in 0..end {
            let error = read(&name, &manifest[..cut], 1460).map(|_| ()).unwrap_err();
            assert_eq!(error.kind, dash::ErrorKind::Incomplete, "{name} cut at {cut}");
            assert_eq!(error.offset, cut as u64, "{name} cut at {cut}");
        }
        assert_eq!(
            describe(read(&name, &manifest[..end], 1460)),
            expected,
            "{name} without what follows its root"
        );
    }
}

#[test]
fn segments_meet_without_a_gap_and_fill_the_period() {
    for (name, manifest, _) in manifests()
        .into_iter()
        .filter(|(name, ..)| name.starts_with("ffmpeg") || name.starts_with("huge"))
    {
        let track = read(&name, &manifest, 1460).unwrap();
        let segments: Vec<_> = track.segments(0).collect();
        assert_eq!(segments.len() as u64, track.segment_count());
        for pair in segments.windows(2) {
            assert_eq!(pair[0].time + pair[0].ticks, pair[1].time, "{name}");
            assert_eq!(pair[0].number + 1, pair[1].number, "{name}");
        }
        let length: std::time::Duration = segments.iter().map(|segment| segment.duration()).sum();
        let missing = track.duration().unwrap().abs_diff(length).as_millis();
        assert!(missing < 100, "{name}: {missing} ms");
        assert_eq!(track.segments(2).collect::<Vec<_>>(), segments[2..], "{name}");
    }
}

/// A document as the tokenizer sees it, its text pieces joined.
fn tokens(document: &[u8], buffer: usize, chunk: usize) -> (Vec<String>, Option<dash::Error>) {
    let mut buffer = vec![0xaa; buffer];
    let mut tokenizer = Tokenizer::new(&mut buffer);
    let mut tokens: Vec<String> = Vec::new();
    let mut text = false;
    for mut octets in document.chunks(chunk) {
        while !octets.is_empty() {
            let count = tokenizer.feed(octets);
            octets = &octets[count..];
            loop {
                match tokenizer.poll() {
                    Err(error) => return (tokens, Some(error)),
                    Ok(None) => break,
                    Ok(Some(Token::Text(piece))) => {
                        assert!(!piece.is_empty());
                        if !text {
                            tokens.push(String::from("text "));
                        }
                        tokens.last_mut().unwrap().push_str(piece);
                        text = true;
                    }
                    Ok(Some(token)) => {
                        text = false;
                        tokens.push(match token {
                            Token::Start(name) => format!("start {name}"),
                            Token::Attribute { name, value } => format!("attribute {name}={value}"),
                            Token::Content => continue,
                            Token::End(name) => format!("end {name}"),
                            Token::Text(_) => unreachable!("joined above"),
                        });
                    }
                }
            }
            assert!(count > 0 || octets.is_empty(), "a tokenizer that was polled takes more");
        }
    }
    let error = tokenizer.finish().err();
    (tokens, error)
}

/// The same by roxmltree, which reads the whole document at once.
fn oracle(document: &str) -> Result<Vec<String>, roxmltree::Error> {
    fn qualified(node: roxmltree::Node<'_, '_>, document: &str, start: usize) -> String {
        // The tree has resolved the prefix; the source has the name as it was written.
        let source = &document[start..];
        let end = source
            .find(|c: char| c.is_whitespace() || matches!(c, '>' | '/' | '='))
            .unwrap();
        assert!(source[..end].ends_with(node.tag_name().name()));
        source[..end].to_owned()
    }
    fn walk(node: roxmltree::Node<'_, '_>, document: &str, tokens: &mut Vec<String>) {
        if node.is_text() {
            let text = node.text().unwrap();
            match tokens.last_mut() {
                Some(last) if last.starts_with("text ") => last.push_str(text),
                _ => tokens.push(format!("text {text}")),
            }
        } else if node.is_element() {
            let name = qualified(node, document, node.range().start + 1);
            tokens.push(format!("start {name}"));
            for attribute in node.attributes() {
                let name = &document[attribute.range_qname()];
                tokens.push(format!("attribute {name}={}", attribute.value()));
            }
            node.children().for_each(|child| walk(child, document, tokens));
            tokens.push(format!("end {name}"));
        }
    }
    let tree = roxmltree::Document::parse(document)?;
    let mut tokens = Vec::new();
    walk(tree.root_element(), document, &mut tokens);
    Ok(tokens)
}

#[test]
fn the_tokenizer_agrees_with_roxmltree() {
    let mut compared = 0;
    for (name, manifest, _) in manifests() {
        let (ours, error) = tokens(&manifest, 4096, 1460);
        let theirs = std::str::from_utf8(&manifest).ok().map(oracle);
        match (error, theirs) {
            (None, Some(Ok(theirs))) => {
                // Namespace declarations are attributes to us, and none to roxmltree.
                let ours: Vec<_> = ours
                    .into_iter()
                    .filter(|token| !token.starts_with("attribute xmlns"))
                    .collect();
                assert_eq!(ours, theirs, "{name}");
                compared += 1;
            }
            (Some(_), None | Some(Err(_))) => {}
            // It does not look at the declared encoding, nor at what follows the target of an instruction.
            (error, theirs) => assert!(
                matches!(name.as_str(), "refused-latin-1" | "refused-instruction"),
                "{name}: {error:?}, {theirs:?}"
            ),
        }
    }
    assert!(compared > 30);
}

#[test]
fn tokens_do_not_depend_on_the_split_or_the_window() {
    for (name, manifest, _) in manifests() {
        let expected = tokens(&manifest, 4096, manifest.len().max(1));
        for chunk in chunk_sizes(manifest.len()) {
            assert_eq!(tokens(&manifest, 4096, chunk), expected, "{name} in pieces of {chunk}");
            // These two are refused for want of room.
            if !matches!(name.as_str(), "refused-long-value" | "refused-many-attributes") {
                assert_eq!(
                    tokens(&manifest, 600, chunk),
                    expected,
                    "{name} in pieces of {chunk}, small window"
                );
            }
        }
    }
}

#[test]
fn text_longer_than_the_window_comes_in_pieces() {
    let text = "Gr\u{fc}\u{df}e &amp; \r\n \u{1f600}]] >".repeat(100);
    let document = format!("<a>{text}<![CDATA[{}]]></a>", "]] > & < \u{e4}\r\n".repeat(100));
    let theirs = oracle(&document).unwrap();
    for buffer in [64, 65, 100, 1000, 10_000] {
        for chunk in [1, 2, 3, 7, 64, 10_000] {
            assert_eq!(
                tokens(document.as_bytes(), buffer, chunk),
                (theirs.clone(), None),
                "buffer {buffer}, pieces of {chunk}"
            );
        }
    }
}

#[test]
fn nesting_is_bounded_by_the_buffer() {
    let mut buffer = [0; 1024];
    let mut reader = Reader::new(&mut buffer);
    let document = format!("<MPD>{}", "<a>".repeat(100_000));
    let mut deepest = 0;
    let error = 'read: {
        for octets in document.as_bytes().chunks(64) {
            reader.feed(octets);
            loop {
                match reader.poll() {
                    Ok(Some(element)) => assert!(matches!(element, Element::Mpd(_))),
                    Ok(None) => break,
                    Err(error) => break 'read error,
                }
                deepest += 1;
            }
        }
        panic!("a hundred thousand open elements were taken");
    };
    assert_eq!(deepest, 1);
    assert_eq!(error.kind, dash::ErrorKind::TooDeep);
    assert!(error.offset < 1024, "{error}");
}
