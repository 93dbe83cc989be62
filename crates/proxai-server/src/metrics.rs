//! The counters in the text format of Prometheus (version 0.0.4).
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>
//!
//! Only what the gateway counts anyway; durations and their histograms are not among it.

use std::fmt::Write as _;

use proxai_gateway::Gateway;

/// The content type of [`render`].
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything there is to count.
pub(crate) fn render(gateway: &Gateway) -> String {
    let counts = gateway.counters().counts();
    let mut page = Page(String::with_capacity(4096));
    page.family(
        "proxai_requests_total",
        "counter",
        "Requests that have ended, by what the client got and how it ended.",
    );
    for (labels, count) in &counts.requests {
        page.sample(
            "proxai_requests_total",
            &[
                ("operation", labels.operation),
                ("provider", &labels.provider),
                ("status", labels.status.name()),
                ("outcome", labels.outcome.name()),
            ],
            *count,
        );
    }
    page.family(
        "proxai_tokens_total",
        "counter",
        "Tokens as the providers count them; cache_read and cache_write are part of input, reasoning of output.",
    );
    for (labels, count) in &counts.tokens {
        page.sample(
            "proxai_tokens_total",
            &[("provider", &labels.provider), ("kind", labels.kind.name())],
            *count,
        );
    }
    page.family(
        "proxai_losses_total",
        "counter",
        "What a target or a client could not be given, by its place in the client's request.",
    );
    for (labels, count) in &counts.losses {
        page.sample(
            "proxai_losses_total",
            &[
                ("client", labels.client.name()),
                ("upstream", labels.upstream.name()),
                ("kind", labels.kind.name()),
                ("path", labels.path),
            ],
            *count,
        );
    }
    page.family(
        "proxai_requests_in_flight",
        "gauge",
        "Requests that are being served, streams included.",
    );
    page.sample("proxai_requests_in_flight", &[], gateway.in_flight() as u64);
    page.0
}

struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        self.0.push_str(name);
        for (at, (label, value)) in labels.iter().enumerate() {
            self.write(format_args!(
                "{}{label}=\"",
                if at == 0 { '{' } else { ',' }
            ));
            self.escaped(value);
            self.0.push('"');
        }
        let close = if labels.is_empty() { "" } else { "}" };
        self.write(format_args!("{close} {value}\n"));
    }

    /// A provider may be called anything.
    fn escaped(&mut self, value: &str) {
        for c in value.chars() {
            match c {
                '\\' => self.0.push_str("\\\\"),
                '"' => self.0.push_str("\\\""),
                '\n' => self.0.push_str("\\n"),
                c => self.0.push(c),
            }
        }
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        self.0.write_fmt(text).expect("a String takes any text");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_a_sample_without_labels_has_no_braces() {
        let mut page = Page(String::new());
        page.family("a_total", "counter", "One \\ and\nanother.");
        page.sample("a_total", &[("x", "a\"b\\c\nd"), ("y", "ü{}")], 7);
        page.sample("b", &[], 0);
        assert_eq!(
            page.0,
            "# HELP a_total One \\\\ and\\nanother.\n# TYPE a_total counter\na_total{x=\"a\\\"b\\\\c\\nd\",y=\"ü{}\"} 7\nb 0\n"
        );
    }
}
