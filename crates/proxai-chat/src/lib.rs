//! OpenAI Chat Completions wire types
