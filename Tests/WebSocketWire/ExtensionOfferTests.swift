// Which offers of permessage-deflate are agreed to (RFC 7692 §7.1), which are passed over, and which headers
// are no list of extensions at all.

import Testing
import Wire

private func answer(_ values: [String], deflates: Bool = true) -> WebSocketHandshake {
    let headers = [
        HTTPHeader("host", "hub.example"), HTTPHeader("upgrade", "websocket"),
        HTTPHeader("connection", "Upgrade"), HTTPHeader("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        HTTPHeader("sec-websocket-version", "13"),
    ] + values.map { HTTPHeader("sec-websocket-extensions", $0) }
    return WebSocketHandshake.answer(HTTPRequest(method: .get, path: "/ws", headers: headers),
                                     HTTPExchange(), subprotocols: [], deflates: deflates)
}

/// Bits of the client's window; nil when nothing is agreed on, 400 when the request is refused.
private func windowBits(_ values: [String], deflates: Bool = true) -> Int? {
    switch answer(values, deflates: deflates) {
    case .refused(let response): response.status
    case .accepted(let response, _, let deflate):
        check(response, deflate)
    }
}

private func check(_ response: [UInt8], _ deflate: DeflateAgreement?) -> Int? {
    #expect(values("Sec-WebSocket-Extensions", in: response).count == (deflate == nil ? 0 : 1))
    return deflate?.windowBits
}

private let base = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

@Suite struct ExtensionOfferTests {
    @Test(arguments: [
        ("permessage-deflate", base),
        ("permessage-deflate; client_max_window_bits", base),
        ("permessage-deflate; client_max_window_bits=8", base),
        ("permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
         base + "; server_max_window_bits=12"),
        ("permessage-deflate; server_max_window_bits=8", base + "; server_max_window_bits=8"),
        ("permessage-deflate; server_max_window_bits=15", base + "; server_max_window_bits=15"),
        ("permessage-deflate;server_no_context_takeover;client_no_context_takeover", base),
        ("x-webkit-deflate-frame, permessage-deflate", base),
        ("permessage-deflate; server_max_window_bits=7, permessage-deflate", base),
    ])
    func agreesTo(_ offer: String, _ expected: String) {
        guard case .accepted(let response, _, _) = answer([offer]) else {
            Issue.record("refused")
            return
        }
        #expect(values("Sec-WebSocket-Extensions", in: response) == [expected])
        #expect(windowBits([offer], deflates: false) == nil)
    }

    @Test(arguments: [
        (["permessage-deflate; server_max_window_bits=10, permessage-deflate"], 10),
        (["permessage-deflate; a, permessage-deflate; server_max_window_bits=9"], 9),
        (["permessage-deflate; server_max_window_bits=11", "permessage-deflate"], 11),
        (["", "permessage-deflate"], 15), ([" , ,permessage-deflate\t, "], 15),
        (["permessage-deflate; server_max_window_bits=\"13\""], 13),
        (["permessage-deflate; server_max_window_bits=\"1\\3\""], 13),
        (["permessage-deflate ; server_max_window_bits = 14"], 14),
    ] as [([String], Int)])
    func takesTheFirstGoodOffer(_ values: [String], _ bits: Int) {
        #expect(windowBits(values) == bits)
    }

    @Test(arguments: [
        "", "deflate-frame", "PerMessage-Deflate", "permessage-deflate2", "permessage-bzip2",
        "permessage-deflate; unknown", "permessage-deflate; unknown=1",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; client_max_window_bits; client_max_window_bits=9",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover=true",
        "permessage-deflate; server_max_window_bits", "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16", "permessage-deflate; server_max_window_bits=08",
        "permessage-deflate; server_max_window_bits=+9", "permessage-deflate; server_max_window_bits=1e1",
        "permessage-deflate; server_max_window_bits=99999999999999999999",
        "permessage-deflate; client_max_window_bits=7", "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=x", "permessage-deflate; Server_No_Context_Takeover",
    ])
    func passesOver(_ value: String) {
        #expect(windowBits([value]) == nil)
    }

    @Test(arguments: [
        ";", "permessage-deflate;", "permessage-deflate; ;", "permessage-deflate; a=", "permessage-deflate a",
        "permessage-deflate; a=\"", "permessage-deflate; a=\"\"", "permessage-deflate; a=\"b c\"",
        "permessage-deflate; a=\"b\\", "permessage-deflate; =b", "permessage-deflate=1", "a/b", "(a)",
        "permessage-deflate; a=\"b\"c", "permessage-deflate; a=b=c", "permessage-deflate, \u{e9}",
    ])
    func refuses(_ value: String) {
        #expect(windowBits([value]) == 400)
        #expect(windowBits(["permessage-deflate", value], deflates: false) == 400)
    }
}
