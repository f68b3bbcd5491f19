//! What a configuration takes from the machine, given as values so that nothing is read behind anyone's back.

use std::path::{Path, PathBuf};

/// Gets a text from the machine, or says why not.
pub type Ask<T> = Box<dyn Fn(&T) -> Result<String, String>>;

/// The machine and the user, as far as configurations speak of them.
pub struct Environment {
    /// The user's home.
    pub home: Option<PathBuf>,
    /// The user's name.
    pub user: Option<String>,
    /// The user's name in words, as the password file has it.
    pub full_name: Option<String>,
    /// The machine's name.
    pub host: String,
    /// The content of `/etc/mailname`.
    pub mail_name: Option<String>,
    /// The users of the system itself, such as root, whom nobody's mailbox belongs to.
    pub system_users: Vec<String>,
    /// Runs a command and gives what it prints.
    pub run: Ask<str>,
    /// Reads a file.
    pub file: Ask<Path>,
}

impl Environment {
    /// This machine, and the user whose process this is.
    pub fn system() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let passwords = super::read(Path::new("/etc/passwd")).unwrap_or_default();
        let users: Vec<Vec<&str>> = passwords.lines().map(|line| line.split(':').collect()).collect();
        let id = rustix::process::getuid().as_raw().to_string();
        let own = users.iter().find(|user| user.get(2) == Some(&id.as_str()));
        let field = |index: usize| own.and_then(|user| user.get(index)).map(|text| (*text).to_owned());
        let is_system = |user: &&Vec<&str>| {
            let id = user.get(2).and_then(|id| id.parse::<u32>().ok());
            id.is_some_and(|id| id < FIRST_PERSON)
        };
        let names = users.iter().filter(is_system).filter_map(|user| user.first());
        // The first part of what finger(1) shows; `&` in it stands for the user's name.
        let full_name = field(4).and_then(|gecos| gecos.split(',').next().map(str::to_owned));
        Self {
            home: variable("HOME").or_else(|| field(5)).map(PathBuf::from),
            full_name: full_name
                .filter(|name| !name.is_empty() && !name.contains(['&']) && !name.contains(char::is_control)),
            user: field(0).or_else(|| variable("LOGNAME")).or_else(|| variable("USER")),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            mail_name: super::read(Path::new("/etc/mailname"))
                .ok()
                .and_then(|text| text.lines().next().map(|line| line.trim().to_owned()))
                .filter(|name| !name.is_empty()),
            system_users: names.map(|name| (*name).to_owned()).collect(),
            run: Box::new(super::secret::run),
            file: Box::new(super::read),
        }
    }

    /// Puts in what `%U`, `%H`, `%C` and `%M` stand for; `None` if that is not known.
    pub fn substitute(&self, text: &str) -> Option<String> {
        let mut whole = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('%') {
            whole += before;
            let value = match behind.as_bytes().first() {
                Some(b'U') => self.user.as_deref()?,
                Some(b'H' | b'C') => &self.host,
                Some(b'M') => self.mail_name.as_deref()?,
                _ => {
                    whole.push('%');
                    rest = behind;
                    continue;
                }
            };
            whole += value;
            rest = &behind[1..];
        }
        whole += rest;
        Some(whole)
    }
}

/// Lower numbers are the system's own users.
const FIRST_PERSON: u32 = 1000;
