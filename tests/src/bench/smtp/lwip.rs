//! lwIP's smtp.c, compiled for the same processor; its source comes from Debian and stays in the target directory.

use super::super::image::Image;
use super::super::table::Report;
use harness::needs::program;
use harness::{Context, Result, repository};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) struct Measured {
    /// Of the object file, in its default configuration: PLAIN and LOGIN, the mail copied.
    pub(crate) flash: u64,
    /// Of the structure that it keeps for a mail.
    pub(crate) session: u64,
}

/// An error says what is missing.
pub(crate) fn measure(report: &Report) -> Result<Measured> {
    if !program("arm-none-eabi-gcc") {
        return Err("arm-none-eabi-gcc (Debian package gcc-arm-none-eabi)".into());
    }
    let directory = repository::laboratory().join("bench/lwip");
    let include = directory.join("include");
    fs::create_dir_all(include.join("arch")).context(include.display())?;
    let source = source(report, &directory)?;
    for (name, text) in HEADERS {
        fs::write(include.join(name), text).context(name)?;
    }
    let smtp = source.join("src/apps/smtp/smtp.c");
    let probe = directory.join("session.c");
    let text = format!("#include {smtp:?}\nchar session_state[sizeof(struct smtp_session)];\n");
    fs::write(&probe, text).context(probe.display())?;

    let compile = |file: &Path, object: &str| -> Result<Image> {
        let object = directory.join(object);
        let output = Command::new("arm-none-eabi-gcc")
            .args([
                "-mcpu=cortex-m3",
                "-mthumb",
                "-Os",
                "-ffunction-sections",
                "-fdata-sections",
                "-ffreestanding",
            ])
            .arg("-I")
            .arg(&include)
            .arg("-I")
            .arg(source.join("src/include"))
            .arg("-c")
            .arg(file)
            .arg("-o")
            .arg(&object)
            .output()
            .context("arm-none-eabi-gcc")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("a lwIP that arm-none-eabi-gcc compiles: {said}").into());
        }
        Image::read(&object)
    };
    Ok(Measured {
        flash: compile(&smtp, "smtp.o")?.flash()?,
        session: compile(&probe, "session.o")?.symbol("session_state")?,
    })
}

/// The unpacked source, fetched by apt with lists and caches of our own: nothing is installed.
fn source(report: &Report, directory: &Path) -> Result<PathBuf> {
    let source = directory.join("source");
    if source.join("src/apps/smtp/smtp.c").is_file() {
        return Ok(source);
    }
    let wanted = "the Debian source package lwip, which apt-get could not fetch";
    report.note("fetching the Debian source package lwip, about 10 MB with its list, into the target directory");
    let lists = directory.join("apt");
    fs::create_dir_all(lists.join("lists/partial")).context(lists.display())?;
    fs::create_dir_all(lists.join("archives/partial")).context(lists.display())?;
    let sites = Command::new("apt-get")
        .args([
            "indextargets",
            "--format",
            "$(SITE) $(RELEASE) $(COMPONENT)",
            "Created-By: Packages",
        ])
        .output()
        .context(wanted)?;
    let sites = String::from_utf8_lossy(&sites.stdout).into_owned();
    let site = sites.lines().find(|line| line.ends_with(" main")).ok_or(wanted)?;
    let list = lists.join("sources.list");
    fs::write(&list, format!("deb-src {site}\n")).context(list.display())?;
    let apt = |words: &[&str]| -> Result<()> {
        let option = |name: &str, path: &Path| format!("{name}={}", path.display());
        let output = Command::new("apt-get")
            .current_dir(directory)
            .args(["-q", "-o", &option("Dir::Etc::sourcelist", &list)])
            .args([
                "-o",
                "Dir::Etc::sourceparts=/dev/null",
                "-o",
                &option("Dir::State", &lists),
            ])
            .args(["-o", &option("Dir::Cache", &lists), "-o", "Acquire::http::Timeout=20"])
            .args(["-o", "APT::Sandbox::User="])
            .args(words)
            .output()
            .context(wanted)?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(format!("{wanted}: {}", said.lines().last().unwrap_or_default()).into())
    };
    apt(&["update"])?;
    apt(&["source", "--download-only", "lwip"])?;
    let entries = fs::read_dir(directory).context(directory.display())?;
    let archive = entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.to_string_lossy().contains(".orig.tar"))
        .ok_or(wanted)?;
    fs::create_dir_all(&source).context(source.display())?;
    let status = Command::new("tar")
        .arg("-xf")
        .arg(&archive)
        .args(["--strip-components=1", "-C"])
        .arg(&source)
        .status()
        .context("tar")?;
    match status.success() {
        true => Ok(source),
        false => Err(wanted.into()),
    }
}

/// What lwIP asks of a platform and a C library, as far as smtp.c sees it.
const HEADERS: [(&str, &str); 5] = [
    (
        "arch/cc.h",
        "#define LWIP_NO_INTTYPES_H 1\n#define LWIP_NO_UNISTD_H 1\n#define LWIP_NO_CTYPE_H 1\n\
         #define X8_F \"x\"\n#define U16_F \"u\"\n#define S16_F \"d\"\n#define X16_F \"x\"\n\
         #define U32_F \"u\"\n#define S32_F \"d\"\n#define X32_F \"x\"\n#define SZT_F \"u\"\n\
         #define LWIP_PLATFORM_DIAG(x)\n#define LWIP_PLATFORM_ASSERT(x)\n#define SSIZE_MAX 0x7fffffff\n\
         typedef int ssize_t;\ntypedef unsigned sys_prot_t;\n",
    ),
    (
        "lwipopts.h",
        "#define NO_SYS 1\n#define LWIP_DNS 1\n#define LWIP_NETCONN 0\n#define LWIP_SOCKET 0\n#define LWIP_NOASSERT 1\n",
    ),
    (
        "string.h",
        "#include <stddef.h>\nvoid *memcpy(void *, const void *, size_t);\nvoid *memmove(void *, const void *, size_t);\n\
         void *memset(void *, int, size_t);\nint memcmp(const void *, const void *, size_t);\nsize_t strlen(const char *);\n\
         int strcmp(const char *, const char *);\nint strncmp(const char *, const char *, size_t);\n\
         char *strchr(const char *, int);\nchar *strstr(const char *, const char *);\nchar *strcpy(char *, const char *);\n",
    ),
    (
        "stdlib.h",
        "#include <stddef.h>\nint atoi(const char *);\nvoid *malloc(size_t);\nvoid *calloc(size_t, size_t);\nvoid free(void *);\n",
    ),
    ("stdio.h", "#include <stddef.h>\n"),
];
