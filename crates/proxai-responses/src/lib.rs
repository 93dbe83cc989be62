//! OpenAI Responses wire types and stream events
