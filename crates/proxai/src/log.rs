//! The log: one line per request, and whatever the rest of the program has to say.
//!
//! Everything goes through one [`Sink`], which a thread of its own empties: a request appends a
//! line to a buffer and never waits for a terminal, a pipe or a disk. If whoever reads the log
//! stops reading, lines are dropped and counted rather than kept in memory or waited for.

use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proxai_config::{LogFormat, LogLevel, Logging};
use proxai_gateway::{Journal, Outcome, Record};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Lines are collected for this long, so that a busy gateway writes a few times a second.
const FLUSH_AFTER: Duration = Duration::from_millis(50);

/// What may wait to be written before lines are dropped.
const MAX_BUFFER: usize = 4 << 20;

/// Where all lines go.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    buffer: Mutex<Buffer>,
    filled: Condvar,
}

#[derive(Debug, Default)]
struct Buffer {
    lines: Vec<u8>,
    dropped: u64,
    /// The second that `clock` shows, and how it is written.
    second: u64,
    clock: String,
}

impl Sink {
    fn lock(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends what `write` writes, unless there is no room.
    fn append(&self, write: impl FnOnce(&mut Buffer)) {
        let mut buffer = self.lock();
        if buffer.lines.len() > MAX_BUFFER {
            buffer.dropped += 1;
            return;
        }
        let was_empty = buffer.lines.is_empty();
        write(&mut buffer);
        drop(buffer);
        if was_empty {
            self.filled.notify_one();
        }
    }

    /// Writes what has been collected. Called by the log's own thread, and once at the end.
    pub(crate) fn flush(&self) {
        let mut lines = {
            let mut buffer = self.lock();
            let dropped = std::mem::take(&mut buffer.dropped);
            let mut lines = std::mem::take(&mut buffer.lines);
            if dropped > 0 {
                lines.extend_from_slice(format!("{dropped} log lines were dropped\n").as_bytes());
            }
            lines
        };
        // A log that cannot be written is no reason to stop serving.
        drop(io::stderr().write_all(&lines));
        lines.clear();
        let mut buffer = self.lock();
        if buffer.lines.is_empty() {
            buffer.lines = lines;
        }
    }

    fn keep_flushing(&self) {
        loop {
            let mut buffer = self.lock();
            while buffer.lines.is_empty() {
                buffer = self
                    .filled
                    .wait(buffer)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            drop(buffer);
            std::thread::park_timeout(FLUSH_AFTER);
            self.flush();
        }
    }
}

/// What `tracing` writes to.
#[derive(Clone, Debug)]
struct SinkWriter(Arc<Sink>);

impl<'a> MakeWriter<'a> for SinkWriter {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for SinkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .append(|buffer| buffer.lines.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sets up the log of the process.
pub(crate) fn start(logging: &Logging) -> Arc<Sink> {
    let sink = Arc::<Sink>::default();
    let level: LevelFilter = logging.level.name().parse().unwrap_or(LevelFilter::INFO);
    // The libraries' own diagnostics are for those who ask for everything.
    let others = if level == LevelFilter::TRACE {
        level
    } else {
        level.min(LevelFilter::WARN)
    };
    let filter = Targets::new()
        .with_default(others)
        .with_target("proxai", level);
    let layer = tracing_subscriber::fmt::layer().with_writer(SinkWriter(Arc::clone(&sink)));
    let started = match logging.format {
        LogFormat::Human => tracing_subscriber::registry()
            .with(layer.with_ansi(colour(logging)))
            .with(filter)
            .try_init(),
        LogFormat::Json => tracing_subscriber::registry()
            .with(layer.json().flatten_event(true))
            .with(filter)
            .try_init(),
    };
    // Only fails if there is a log already, and then that one is used.
    drop(started);
    let writer = Arc::clone(&sink);
    let thread = std::thread::Builder::new()
        .name("proxai-log".into())
        .stack_size(128 << 10)
        .spawn(move || writer.keep_flushing());
    if let Err(error) = thread {
        drop(writeln!(
            io::stderr(),
            "proxai: no thread for the log: {error}"
        ));
    }
    sink
}

fn colour(logging: &Logging) -> bool {
    logging.use_color && io::stderr().is_terminal()
}

/// One line per request (O1).
#[derive(Debug)]
pub(crate) struct RequestLog {
    sink: Arc<Sink>,
    format: LogFormat,
    enabled: bool,
    colour: bool,
    slow: Duration,
    too_slow: Duration,
}

impl RequestLog {
    pub(crate) fn new(sink: Arc<Sink>, logging: &Logging) -> Self {
        Self {
            sink,
            format: logging.format,
            enabled: logging.level <= LogLevel::Info,
            colour: colour(logging),
            slow: logging.slow,
            too_slow: logging.too_slow,
        }
    }
}

impl Journal for RequestLog {
    fn record(&self, record: &Record) {
        if !self.enabled {
            return;
        }
        self.sink.append(|buffer| {
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            if buffer.second != now.as_secs() || buffer.clock.is_empty() {
                buffer.second = now.as_secs();
                buffer.clock = clock(now.as_secs());
            }
            let Buffer { lines, clock, .. } = buffer;
            let mut line = Bytes(lines);
            let written = match self.format {
                LogFormat::Human => human(&mut line, clock, now.subsec_millis(), record, self),
                LogFormat::Json => json(&mut line, clock, now.subsec_millis(), record),
            };
            written.expect("a Vec takes any text");
        });
    }
}

/// Formats into bytes without a detour.
struct Bytes<'a>(&'a mut Vec<u8>);

impl fmt::Write for Bytes<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

fn human(
    out: &mut Bytes<'_>,
    clock: &str,
    millis: u32,
    record: &Record,
    log: &RequestLog,
) -> fmt::Result {
    write!(
        out,
        "{clock}.{millis:03}Z {} {}",
        record.id, record.operation
    )?;
    if let Some(upstream) = record.upstream_protocol
        && upstream.name() != record.operation
    {
        write!(out, "->{upstream}")?;
    }
    write!(out, " {}", record.status)?;
    if !record.provider.is_empty() {
        write!(out, " {}/{}", record.provider, record.model)?;
    }
    if !record.route.is_empty() {
        write!(out, " route={}", Quoted(&record.route))?;
    }
    let duration = record.duration;
    let colour = match () {
        () if !log.colour => None,
        () if duration >= log.too_slow => Some("31"),
        () if duration >= log.slow => Some("33"),
        () => None,
    };
    match colour {
        Some(code) => write!(out, " \x1b[{code}m{}ms\x1b[0m", Millis(duration))?,
        None => write!(out, " {}ms", Millis(duration))?,
    }
    if record.stream {
        out.write_str(" stream")?;
        if let Some(first) = record.first_byte {
            write!(out, " ttft={}ms", Millis(first))?;
        }
    }
    if record.attempts > 1 {
        write!(out, " attempts={}", record.attempts)?;
    }
    if record.continuations > 0 {
        write!(out, " continuations={}", record.continuations)?;
    }
    if let Some(usage) = record.usage {
        write!(
            out,
            " tokens={}+{}",
            usage.input.unwrap_or(0),
            usage.output.unwrap_or(0)
        )?;
        if let Some(cached) = usage.cache_read.filter(|count| *count > 0) {
            write!(out, " cached={cached}")?;
        }
    }
    if !record.losses.is_empty() {
        write!(out, " losses={}", record.losses.len())?;
    }
    if record.outcome != Outcome::End {
        write!(out, " outcome={}", record.outcome.name())?;
    }
    if let Some(error) = &record.error {
        write!(out, " error={}", Quoted(error))?;
    }
    out.write_str("\n")
}

fn json(out: &mut Bytes<'_>, clock: &str, millis: u32, record: &Record) -> fmt::Result {
    write!(
        out,
        r#"{{"timestamp":"{clock}.{millis:03}Z","level":"INFO","message":"request","id":"{}","operation":"{}","status":{}"#,
        record.id, record.operation, record.status
    )?;
    if let Some(upstream) = record.upstream_protocol {
        write!(out, r#","upstream_protocol":"{upstream}""#)?;
    }
    for (key, value) in [
        ("provider", &*record.provider),
        ("model", &*record.model),
        ("route", &*record.route),
        ("error", record.error.as_deref().unwrap_or_default()),
    ] {
        if !value.is_empty() {
            write!(out, r#","{key}":{}"#, Quoted(value))?;
        }
    }
    write!(
        out,
        r#","attempts":{},"stream":{},"duration_ms":{}"#,
        record.attempts,
        record.stream,
        Millis(record.duration)
    )?;
    if record.continuations > 0 {
        write!(out, r#","continuations":{}"#, record.continuations)?;
    }
    if let Some(first) = record.first_byte {
        write!(out, r#","ttft_ms":{}"#, Millis(first))?;
    }
    if let Some(usage) = record.usage {
        for (key, count) in [
            ("input_tokens", usage.input),
            ("output_tokens", usage.output),
            ("cached_tokens", usage.cache_read),
            ("reasoning_tokens", usage.reasoning),
        ] {
            if let Some(count) = count {
                write!(out, r#","{key}":{count}"#)?;
            }
        }
    }
    writeln!(
        out,
        r#","losses":{},"outcome":"{}"}}"#,
        record.losses.len(),
        record.outcome.name()
    )
}

/// Milliseconds with microsecond precision, without floating point.
struct Millis(Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        write!(f, "{}.{:03}", micros / 1000, micros % 1000)
    }
}

/// A client's or an upstream's word: quoted, and unable to break out of its line.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

/// `YYYY-MM-DDThh:mm:ss` of a second since 1970.
fn clock(second: u64) -> String {
    let (days, rest) = (second / 86_400, second % 86_400);
    // Civil date from a count of days, after Howard Hinnant:
    // <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_knows_leap_days_and_year_ends() {
        for (second, text) in [
            (0, "1970-01-01T00:00:00"),
            (951_827_696, "2000-02-29T12:34:56"),
            (1_735_689_599, "2024-12-31T23:59:59"),
        ] {
            assert_eq!(clock(second), text);
        }
    }

    #[test]
    fn a_hostile_word_stays_within_its_line() {
        assert_eq!(
            Quoted("a\"b\n{\u{7f}").to_string(),
            "\"a\\\"b\\u000a{\\u007f\""
        );
    }
}
