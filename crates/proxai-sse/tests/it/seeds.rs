//! Streams in the manner of real servers, and every oddity that requirement S2 names.

/// Inputs that mutation starts from, and that each property is checked on.
pub(crate) const SEEDS: &[&[u8]] = &[
    b"",
    b"\n",
    b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Good\"}}]}\n\n\
      data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
      data: [DONE]\n\n",
    b"event: message_start\ndata: {\"type\":\"message_start\"}\n\n\
      event: ping\ndata: {\"type\":\"ping\"}\n\n\
      event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    b"event: response.created\r\ndata: {\"sequence_number\":0}\r\n\r\n\
      event: response.completed\r\ndata: {\"sequence_number\":1}\r\n\r\n",
    b"data: old\rdata: line ends\r\revent: e\rdata: x\r\r",
    b"data: a\n\r\ndata: b\r\n\ndata: c\r\rdata: d\r\n\r\n",
    b": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\ndata: {}\n\n",
    b"\n\n\r\n\rdata: after blanks\n\n\n\n\ndata: more\n\n\n",
    b"data:{\"no\":\"space\"}\n\nevent:x\ndata:  two spaces\n\n",
    b"{\"error\":{\"message\":\"no prefix\"}}\n\n  [1,2]\n\n[DONE]\n\n",
    b"data: {\ndata:   \"several\": \"lines\"\ndata: }\n\ndata\ndata\n\n",
    b"\xEF\xBB\xBFdata: marked\n\n\xEF\xBB\xBFdata: not here\n\n",
    b"\xEF\xBB\xBF\n\ndata: mark on its own line\n\n",
    b"\xEF\xBBdata: half a mark\n\n",
    b"\xEF\xBB\n\ndata: half a mark on its own line\n\n",
    b"data: [done]\n\ndata:  [Done] \t\n\ndata: [DONE]\n\n",
    b"id: 7\nretry: 100\nevent: a\nevent: b\ndata: last event wins\n\n",
    b"event: alone\n\nevent:\ndata:\n\nid: 3\n\nretry\n\n",
    b"data: \xC3\xBC\xE2\x82\xAC\xF0\x9F\x8E\x89 \xE2\x80\xA8\xC2\x85\n\n",
    b"event: \xFF\xFE\ndata: \xC0\x80\n\n",
    b"Internal Server Error\n\n<html>\n<body>\n\n",
    b"data: {\"text\":\"a raw\nline end\"}\n\n",
    b"data: ends without a blank line\n",
    b"data: ends within a li",
    b"data: ends in a CR\r",
    b"data: ends in two\r\r",
    b"data: ends in a CRLF\r\n",
    b"DATA: x\ndata : x\ndatax: x\n data: x\n\n",
];
