//! `raw_octets ADDRESS COUNT data|bdat`: no client, only the octets of one, prepared and written with the fewest turns.
//!
//! It shows what the machine and the sink allow; it understands no reply, but waits for as many lines as it must.

use gatepost_drivers::{FROM, mail};
use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [address, count, how] = words.as_slice() else {
        return Err("usage: raw_octets ADDRESS COUNT data|bdat".into());
    };
    let count: u32 = count.parse()?;
    let mut stream = TcpStream::connect(address.as_str())?;
    stream.set_nodelay(true)?;
    let mail = mail();
    let envelope = format!("MAIL FROM:<{FROM}>\r\nRCPT TO:<user0@server.test>\r\n").into_bytes();
    hear(&mut stream, 1)?;
    stream.write_all(b"EHLO client.test\r\n")?;
    match how.as_str() {
        "data" => {
            hear(&mut stream, 6)?;
            let begin = [&envelope[..], b"DATA\r\n"].concat();
            let rest = [&mail[..], b".\r\n", &begin].concat();
            stream.write_all(&begin)?;
            hear(&mut stream, 3)?;
            for _ in 1..count {
                stream.write_all(&rest)?;
                hear(&mut stream, 4)?;
            }
            stream.write_all(&[&mail[..], b".\r\nQUIT\r\n"].concat())?;
            hear(&mut stream, 2)?;
        }
        "bdat" => {
            hear(&mut stream, 7)?;
            let length = format!("BDAT {} LAST\r\n", mail.len());
            let whole = [&envelope[..], length.as_bytes(), &mail].concat();
            for _ in 0..count {
                stream.write_all(&whole)?;
                hear(&mut stream, 3)?;
            }
            stream.write_all(b"QUIT\r\n")?;
            hear(&mut stream, 1)?;
        }
        _ => return Err("data or bdat".into()),
    }
    Ok(())
}

/// Waits for so many lines.
fn hear(stream: &mut TcpStream, lines: usize) -> Result<(), Box<dyn Error>> {
    let mut buffer = [0; 4096];
    let mut heard = 0;
    while heard < lines {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Err("the server closed".into());
        }
        heard += buffer[..count].iter().filter(|octet| **octet == b'\n').count();
    }
    Ok(())
}
