//! Any octets as an XML document: any split of them leads to the same tokens and the same error at the same place.
#![no_main]

use gatepost_core::dash::{Error, Token, Tokenizer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [document @ .., chunk, size] = input else {
        return;
    };
    let size = usize::from(*size) * 4;
    let whole = run(document, size, usize::MAX);
    assert_eq!(run(document, size, usize::from(*chunk).max(1)), whole);
    assert_eq!(run(document, size, 1), whole);
    // A larger window only takes longer names and values, and deeper nesting.
    if whole.1.is_none() {
        assert_eq!(run(document, 4096, usize::MAX).1, None);
    }
});

/// The tokens, and how it ended.
fn run(document: &[u8], size: usize, chunk: usize) -> (Vec<String>, Option<Error>) {
    let mut buffer = vec![0xaa; size];
    let mut tokenizer = Tokenizer::new(&mut buffer);
    let mut tokens = Vec::new();
    let mut open: Vec<String> = Vec::new();
    for mut octets in document.chunks(chunk.min(document.len().max(1))) {
        while !octets.is_empty() {
            let count = tokenizer.feed(octets);
            octets = &octets[count..];
            loop {
                let token = match tokenizer.poll() {
                    Ok(Some(token)) => token,
                    Ok(None) => break,
                    Err(error) => {
                        assert!(error.offset <= document.len() as u64);
                        assert_eq!(tokenizer.finish(), Err(error));
                        return (tokens, Some(error));
                    }
                };
                match token {
                    Token::Start(name) => open.push(name.to_owned()),
                    Token::End(name) => assert_eq!(open.pop().as_deref(), Some(name)),
                    Token::Attribute { .. } | Token::Content | Token::Text(_) => assert!(!open.is_empty()),
                }
                tokens.push(format!("{token:?}"));
            }
            assert!(count > 0, "a tokenizer that was polled takes at least one octet");
        }
    }
    let end = tokenizer.finish();
    assert!(end.is_err() || open.is_empty());
    (tokens, end.err())
}
