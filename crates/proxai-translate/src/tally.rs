//! Counts what an upstream generates, for when it does not say itself (T10).
//!
//! Counting ends with the first output count of the upstream. Messages upstreams send one before
//! their first word and cost nothing here; Chat upstreams send theirs last, so their text waits and
//! is counted only if it is long or if no count comes. A count that was stated is never replaced at
//! the end, also not a zero beside words; in a stream that was cut a zero is what came before the
//! first word, so there it is taken for a missing one.
//!
//! What is counted is what the upstream generated and bills, before tools are restored and thoughts
//! are hidden. The tokens around a call that the client never sees are not counted.

use proxai_ir::{Content, Event, PartId, PartKind, Response, Sink};
use proxai_tokens::Counter;
use proxai_types::Usage;

/// Bytes of generated text that wait to be counted. Most answers are shorter, and most upstreams
/// say what they cost in the end, so mostly nothing is counted at all.
const MAX_WAITING: usize = 64 * 1024;

/// What a part counts for in [`MAX_WAITING`], beside its text.
const PART: usize = size_of::<Piece>();

/// Counts one stream.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// What the upstream said.
    stated: Usage,
    /// Parts that are open or wait to be counted, in the order of opening.
    pieces: Vec<Piece>,
    waiting: usize,
    /// Of parts that are neither.
    counted: Generated,
}

#[derive(Debug)]
struct Piece {
    part: PartId,
    thought: bool,
    open: bool,
    /// What was counted of it, and behind that what was not.
    counter: Counter,
    text: String,
}

#[derive(Clone, Copy, Debug, Default)]
struct Generated {
    /// Everything.
    output: u64,
    /// Part of it that was reasoning.
    reasoning: u64,
}

impl Generated {
    fn add(&mut self, counter: &Counter, thought: bool) {
        let tokens = counter.total();
        self.output += tokens;
        if thought {
            self.reasoning += tokens;
        }
    }
}

impl Tally {
    /// Counts an event.
    pub(crate) fn note(&mut self, event: &Event<'_>) {
        if let Event::Usage(usage) = event {
            self.stated.merge(usage);
        }
        if self.is_stated() {
            self.pieces = Vec::new();
            return;
        }
        match event {
            Event::Open { part, kind } => {
                let mut text = String::new();
                if let PartKind::ToolCall { name, .. } = kind {
                    text.push_str(name);
                }
                self.waiting += PART + text.len();
                self.pieces.push(Piece {
                    part: *part,
                    thought: matches!(kind, PartKind::Reasoning { .. }),
                    open: true,
                    counter: Counter::new(),
                    text,
                });
            }
            Event::Delta { part, text } => {
                if let Some(piece) = self.open_piece(*part) {
                    piece.text.push_str(text);
                    self.waiting += text.len();
                }
            }
            Event::Close { part } => {
                if let Some(piece) = self.open_piece(*part) {
                    piece.open = false;
                }
            }
            _ => {}
        }
        if self.waiting > MAX_WAITING {
            self.count();
        }
    }

    fn open_piece(&mut self, part: PartId) -> Option<&mut Piece> {
        // From the end, since the one that was opened last is the one most is told of.
        self.pieces
            .iter_mut()
            .rev()
            .find(|piece| piece.part == part && piece.open)
    }

    /// Counts what waits.
    fn count(&mut self) {
        self.waiting = 0;
        let Self {
            pieces, counted, ..
        } = self;
        pieces.retain_mut(|piece| {
            piece.counter.push(&std::mem::take(&mut piece.text));
            if !piece.open {
                counted.add(&piece.counter, piece.thought);
            }
            piece.open
        });
    }

    /// Passes `event` on to `sink`, and before the end what the upstream did not say.
    pub(crate) fn pass(&mut self, event: Event<'_>, estimated_input: u64, sink: &mut dyn Sink) {
        self.note(&event);
        if matches!(event, Event::Finish(_))
            && let Some(rest) = self.missing(estimated_input)
        {
            sink.event(Event::Usage(rest));
        }
        sink.event(event);
    }

    /// The same for a stream that was cut.
    pub(crate) fn missing_so_far(&self, estimated_input: u64) -> Option<Usage> {
        let mut stated = self.stated;
        stated.output = stated.output.filter(|output| *output > 0);
        self.missing_of(&stated, estimated_input)
    }

    /// Estimates of what the upstream has not said, to be merged over it; `None` if it has.
    pub(crate) fn missing(&self, estimated_input: u64) -> Option<Usage> {
        self.missing_of(&self.stated, estimated_input)
    }

    fn missing_of(&self, stated: &Usage, estimated_input: u64) -> Option<Usage> {
        missing(stated, estimated_input, || {
            let mut generated = self.counted;
            for piece in &self.pieces {
                let mut counter = piece.counter.clone();
                counter.push(&piece.text);
                generated.add(&counter, piece.thought);
            }
            generated
        })
    }

    fn is_stated(&self) -> bool {
        self.stated.output.is_some_and(|output| output > 0)
    }
}

/// Gives a whole answer the counts that its upstream did not.
pub(crate) fn complete(response: &mut Response<'_>, estimated_input: u64) {
    let stated = response.usage.unwrap_or_default();
    let rest = missing(&stated, estimated_input, || generated(response));
    if let Some(rest) = rest {
        response
            .usage
            .get_or_insert_with(Usage::default)
            .merge(&rest);
    }
}

/// What a stream of the same answer would have counted.
fn generated(response: &Response<'_>) -> Generated {
    let mut generated = Generated::default();
    for part in &response.parts {
        let mut counter = Counter::new();
        match &part.content {
            Content::Text(text) => counter.push(&text.text),
            Content::Refusal(text) => counter.push(text),
            Content::Reasoning(thought) => counter.push(&thought.text),
            Content::ToolCall(call) => {
                counter.push(&call.name);
                counter.push(&call.input);
            }
            _ => {}
        }
        generated.add(&counter, matches!(part.content, Content::Reasoning(_)));
    }
    generated
}

fn missing(
    stated: &Usage,
    estimated_input: u64,
    generated: impl FnOnce() -> Generated,
) -> Option<Usage> {
    let mut rest = Usage {
        estimated: true,
        ..Usage::default()
    };
    if stated.input.is_none() && estimated_input > 0 {
        rest.input = Some(estimated_input);
    }
    if stated.output.is_none() {
        let Generated { output, reasoning } = generated();
        rest.output = Some(output);
        rest.reasoning = (reasoning > 0).then_some(reasoning);
    }
    if rest.input.is_none() && rest.output.is_none() {
        return None;
    }
    if stated.total.is_some() {
        let count = |estimated: Option<u64>, stated: Option<u64>| estimated.or(stated).unwrap_or(0);
        rest.total =
            Some(count(rest.input, stated.input).saturating_add(count(rest.output, stated.output)));
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{Index, select};
    use proxai_ir::{At, Part, Reasoning, ToolCall};

    use super::*;

    fn usage(input: Option<u64>, output: Option<u64>) -> Usage {
        Usage {
            input,
            output,
            ..Usage::default()
        }
    }

    fn answer(stated: Option<Usage>) -> Response<'static> {
        let part = |content| Part::new(At::default(), content);
        Response {
            parts: vec![
                part(Content::Reasoning(Reasoning {
                    text: "let me think about it".into(),
                    ..Reasoning::default()
                })),
                Part::text(At::default(), "hello world"),
                part(Content::ToolCall(ToolCall {
                    name: "look_up".into(),
                    input: r#"{"word":"tide"}"#.into(),
                    ..ToolCall::default()
                })),
            ],
            usage: stated,
            ..Response::default()
        }
    }

    /// The usage of an answer and of a stream that tells it.
    fn both(stated: Option<Usage>, estimated_input: u64) -> [Option<Usage>; 2] {
        let mut response = answer(stated);
        let mut tally = Tally::default();
        let mut accumulator = proxai_ir::Accumulator::new();
        response.replay(&mut |event: Event<'_>| {
            tally.pass(event, estimated_input, &mut accumulator);
        });
        complete(&mut response, estimated_input);
        [response.usage, accumulator.into_response().unwrap().usage]
    }

    #[test]
    fn an_answer_without_usage_gets_an_estimate_that_is_marked() {
        let [json, stream] = both(None, 30);
        assert_eq!(json, stream);
        let seen = json.unwrap();
        assert!(seen.estimated);
        assert_eq!((seen.input, seen.total), (Some(30), None));
        let reasoning = proxai_tokens::count_text("let me think about it");
        assert_eq!(seen.reasoning, Some(reasoning));
        let rest = proxai_tokens::count_text("hello world")
            + proxai_tokens::count_text(r#"look_up{"word":"tide"}"#);
        assert_eq!(seen.output, Some(reasoning + rest));
    }

    #[test]
    fn what_the_upstream_says_is_left_alone() {
        let stated = usage(Some(8), Some(1));
        assert_eq!(both(Some(stated), 30), [Some(stated); 2]);
    }

    #[test]
    fn only_the_missing_count_is_estimated() {
        let [json, stream] = both(Some(usage(Some(8), None)), 30);
        assert_eq!(json, stream);
        let seen = json.unwrap();
        assert!(seen.estimated && seen.output > Some(10), "{seen:?}");
        assert_eq!(seen.input, Some(8));
        let [json, stream] = both(Some(usage(None, Some(5))), 30);
        assert_eq!(json, stream);
        let seen = json.unwrap();
        assert_eq!((seen.input, seen.output), (Some(30), Some(5)));
        assert!(seen.estimated);
    }

    #[test]
    fn a_stated_zero_is_kept_at_the_end_and_estimated_in_a_cut_stream() {
        let zeros = Usage {
            total: Some(0),
            ..usage(Some(0), Some(0))
        };
        assert_eq!(both(Some(zeros), 30), [Some(zeros); 2]);
        let mut tally = Tally::default();
        let (kind, part) = (PartKind::Text, PartId(0));
        tally.note(&Event::Usage(usage(Some(4), Some(0))));
        tally.note(&Event::Open { part, kind });
        let text = "many words".into();
        tally.note(&Event::Delta { part, text });
        assert_eq!(tally.missing(9), None);
        assert_eq!(tally.missing_so_far(9).unwrap().output, Some(2));
    }

    #[test]
    fn a_stated_total_is_mended_with_the_estimate() {
        let stated = Usage {
            total: Some(8),
            ..usage(Some(8), None)
        };
        let [json, stream] = both(Some(stated), 30);
        assert_eq!(json, stream);
        let seen = json.unwrap();
        assert_eq!(seen.total, Some(8 + seen.output.unwrap()));
    }

    #[test]
    fn nothing_is_counted_once_the_upstream_has_counted() {
        let mut tally = Tally::default();
        let part = PartId(0);
        let kind = PartKind::Text;
        tally.note(&Event::Open { part, kind });
        tally.note(&Event::Usage(usage(Some(4), Some(1))));
        let text = "many words".into();
        tally.note(&Event::Delta { part, text });
        assert!(tally.pieces.is_empty());
        assert_eq!(tally.missing(9), None);
    }

    #[test]
    fn what_waits_to_be_counted_is_bounded() {
        let mut tally = Tally::default();
        let (kind, closed) = (PartKind::Text, PartId(0));
        tally.note(&Event::Open { part: closed, kind });
        tally.note(&Event::Delta {
            part: closed,
            text: "one".into(),
        });
        tally.note(&Event::Close { part: closed });
        let (kind, part) = (PartKind::Refusal, PartId(1));
        tally.note(&Event::Open { part, kind });
        for _ in 0..100_000 {
            let text = " two three".into();
            tally.note(&Event::Delta { part, text });
            let kept: usize = tally.pieces.iter().map(|piece| piece.text.len()).sum();
            assert!(kept <= MAX_WAITING);
        }
        assert_eq!(tally.pieces.len(), 1);
        assert_eq!(tally.missing(0).unwrap().output, Some(200_001));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn deltas_count_like_the_whole(
            texts in prop::collection::vec(".{0,40}", 1..4),
            repeat in select(vec![1_usize, 30, 900]),
            cuts in prop::collection::vec(any::<Index>(), 1..9),
        ) {
            let parts: Vec<Part<'_>> = texts
                .iter()
                .map(|text| Part::text(At::default(), text.repeat(repeat)))
                .collect();
            let mut response = Response { parts, ..Response::default() };
            let mut tally = Tally::default();
            let mut cuts = cuts.iter().cycle();
            let mut seen = None;
            response.replay(&mut |event: Event<'_>| {
                if let Event::Delta { part, text } = &event {
                    let mut rest = text.as_str();
                    while !rest.is_empty() {
                        let at = 1 + cuts.next().unwrap().index(rest.len());
                        let (piece, tail) = rest.split_at(rest.ceil_char_boundary(at));
                        tally.note(&Event::Delta { part: *part, text: piece.into() });
                        rest = tail;
                    }
                } else {
                    tally.note(&event);
                }
                seen = tally.missing(1);
            });
            complete(&mut response, 1);
            prop_assert_eq!(response.usage, seen);
        }
    }
}
