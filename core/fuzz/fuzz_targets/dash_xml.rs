//! Any octets as an XML document: any split of them leads to the same tokens and the same error at the same place, and
//! what is taken is what another parser takes, in the same way.
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
    compare(document);
});

/// Reads `document` with another parser; what only that one refuses must be a matter of namespaces.
fn compare(document: &[u8]) {
    let (tokens, error) = run(document, 8 * document.len() + 64, usize::MAX);
    let Ok(text) = str::from_utf8(document) else {
        assert!(error.is_some(), "not UTF-8, and yet no error");
        return;
    };
    if error.is_some() || tokens.iter().any(|token| token.contains(UNQUALIFIED)) {
        return;
    }
    use roxmltree::Error::*;
    match roxmltree::Document::parse(text) {
        Ok(tree) => {
            let mut expected = String::new();
            tree.root().children().for_each(|node| tell(node, &mut expected));
            assert_eq!(tokens.concat(), expected);
        }
        Err(
            InvalidXmlPrefixUri(_)
            | UnexpectedXmlUri(_)
            | UnexpectedXmlnsUri(_)
            | InvalidElementNamePrefix(_)
            | DuplicatedNamespace(..)
            | UnknownNamespace(..)
            | DuplicatedAttribute(..)
            | NamespacesLimitReached,
        ) => {}
        Err(error) => panic!("taken, but {error}"),
    }
}

/// A tree as [`run`] tells its tokens.
fn tell(node: roxmltree::Node<'_, '_>, out: &mut String) {
    if let (true, Some(text)) = (node.is_text(), node.text()) {
        out.push_str(text);
    }
    if node.is_element() {
        let name = node.tag_name().name();
        out.push_str(&format!("<{name}"));
        for attribute in node.attributes() {
            out.push_str(&format!(" {}={:?}", attribute.name(), attribute.value()));
        }
        node.children().for_each(|child| tell(child, out));
        out.push_str(&format!("</{name}"));
    }
}

/// A token without its prefix: the other parser has resolved it, and keeps declarations of namespaces elsewhere.
fn told(token: &Token<'_>) -> String {
    match token {
        Token::Start(name) => format!("<{}", local(name)),
        Token::Attribute { name: "xmlns", .. } => String::new(),
        Token::Attribute { name, .. } if name.starts_with("xmlns:") && local(name) != UNQUALIFIED => String::new(),
        Token::Attribute { name, value } => format!(" {}={value:?}", local(name)),
        Token::Content => String::new(),
        Token::Text(text) => String::from(*text),
        Token::End(name) => format!("</{}", local(name)),
    }
}

/// Stands for a name that XML allows and namespaces do not; no document can hold it.
const UNQUALIFIED: &str = "\0";

fn local(name: &str) -> &str {
    let begins = |first: char| !matches!(first, '-' | '.' | ':' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}');
    match name.split_once(':') {
        Some((prefix, local)) if prefix.is_empty() || !local.starts_with(begins) || local.contains(':') => UNQUALIFIED,
        Some((_, local)) => local,
        None => name,
    }
}

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
                tokens.push(told(&token));
            }
            assert!(count > 0, "a tokenizer that was polled takes at least one octet");
        }
    }
    let end = tokenizer.finish();
    assert!(end.is_err() || open.is_empty());
    (tokens, end.err())
}
