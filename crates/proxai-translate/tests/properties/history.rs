//! A conversation, told apart from its protocol: what is asked, what the model did.

use proptest::prelude::*;

use crate::json::{Json, any_value, arguments, name, text};

/// A call that the model makes.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: String,
    pub(crate) custom: bool,
}

/// A seal, as an opaque field holds it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seal {
    None,
    Native,
    /// Of another protocol's provider, which is this one or not.
    Foreign {
        home: bool,
    },
    Broken,
}

/// What the model did in one turn.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) thought: Option<(String, Seal)>,
    pub(crate) said: Vec<String>,
    pub(crate) calls: Vec<Call>,
}

/// What a user says beside results.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    Text(String),
    Image(String),
    File(String),
    /// A part of a kind that nobody knows.
    Odd(Json),
}

/// Results of the calls before it, then words.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// By the place of the call: a result or none, and whether it failed.
    pub(crate) results: Vec<(bool, Vec<Said>)>,
    /// Results in the order of the calls, or reversed.
    pub(crate) reversed: bool,
    /// A result of a call that nobody made.
    pub(crate) orphan: bool,
    /// Said by the system in the middle.
    pub(crate) system: Option<String>,
    pub(crate) said: Vec<Said>,
}

/// A whole conversation: each round is asked, all but the last are answered.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) system: Option<String>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) rounds: Vec<(Ask, Answer)>,
    /// The words that end it.
    pub(crate) last: Ask,
}

/// A tool on offer.
#[derive(Clone, Debug)]
pub(crate) enum Tool {
    Function { name: String, schema: Json },
    Custom { name: String },
    Odd { kind: String },
}

fn call() -> impl Strategy<Value = Call> {
    (name(), name(), arguments(), prop::bool::weighted(0.2)).prop_map(
        |(id, name, arguments, custom)| Call {
            id,
            name,
            arguments,
            custom,
        },
    )
}

fn seal() -> impl Strategy<Value = Seal> {
    prop_oneof![
        Just(Seal::None),
        Just(Seal::Native),
        any::<bool>().prop_map(|home| Seal::Foreign { home }),
        Just(Seal::Broken),
    ]
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        6 => text().prop_map(Said::Text),
        1 => Just(Said::Image("data:image/png;base64,AAAA".to_owned())),
        1 => text().prop_map(Said::Image),
        1 => text().prop_map(Said::File),
        1 => any_value(1).prop_map(Said::Odd),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    (
        prop::option::of((text(), seal())),
        prop::collection::vec(text(), 0..3),
        "[a-z]{1,9}",
        prop::collection::vec(call(), 0..3),
    )
        .prop_map(|(thought, mut said, word, calls)| {
            // A turn without anything in it is no turn in some protocols.
            said.push(word);
            Answer {
                thought,
                said,
                calls,
            }
        })
}

fn ask() -> impl Strategy<Value = Ask> {
    (
        prop::collection::vec(
            (
                prop::bool::weighted(0.9),
                prop::collection::vec(said(), 0..3),
            ),
            3,
        ),
        any::<bool>(),
        prop::bool::weighted(0.1),
        prop::option::weighted(0.1, text()),
        "[a-z]{1,9}",
        prop::collection::vec(said(), 0..3),
    )
        .prop_map(|(results, reversed, orphan, system, word, mut said)| {
            // Nobody asks for an answer to nothing.
            said.push(Said::Text(word));
            Ask {
                results,
                reversed,
                orphan,
                system,
                said,
            }
        })
}

fn tool() -> impl Strategy<Value = Tool> {
    prop_oneof![
        5 => (name(), any_value(2)).prop_map(|(name, schema)| Tool::Function { name, schema }),
        1 => name().prop_map(|name| Tool::Custom { name }),
        1 => name().prop_map(|kind| Tool::Odd { kind }),
    ]
}

/// Any conversation. Ids of calls are made to differ, as every client does.
pub(crate) fn history() -> impl Strategy<Value = History> {
    (
        prop::option::of(text()),
        prop::collection::vec(tool(), 0..3),
        prop::collection::vec((ask(), answer()), 0..4),
        ask(),
    )
        .prop_map(|(system, tools, mut rounds, last)| {
            let calls = rounds.iter_mut().flat_map(|(_, answer)| &mut answer.calls);
            for (index, call) in calls.enumerate() {
                call.id = format!("{}{index}", call.id);
            }
            History {
                system,
                tools,
                rounds,
                last,
            }
        })
}

impl History {
    /// Each ask with the calls that stand before it.
    pub(crate) fn asks(&self) -> impl Iterator<Item = (&Ask, &[Call], Option<&Answer>)> {
        let answers = self.rounds.iter().map(|(_, answer)| answer);
        let before = std::iter::once(None).chain(answers.clone().map(Some));
        let asks = self.rounds.iter().map(|(ask, _)| ask);
        asks.chain([&self.last])
            .zip(before)
            .zip(answers.map(Some).chain([None]))
            .map(|((ask, before), answer)| {
                let calls = before.map_or(&[][..], |answer: &Answer| &answer.calls);
                (ask, calls, answer)
            })
    }

    /// The history as it was `rounds` answers ago.
    pub(crate) fn shorter(&self) -> Option<Self> {
        let mut shorter = self.clone();
        let (last, _) = shorter.rounds.pop()?;
        Some(Self { last, ..shorter })
    }
}

impl Ask {
    /// The results, in the order in which the client gives them.
    pub(crate) fn results<'a>(&'a self, calls: &'a [Call]) -> Vec<(&'a Call, &'a [Said])> {
        let mut results: Vec<_> = calls
            .iter()
            .zip(&self.results)
            .filter(|(_, (given, _))| *given)
            .map(|(call, (_, said))| (call, said.as_slice()))
            .collect();
        if self.reversed {
            results.reverse();
        }
        results
    }
}
