// Who sent a request: headers of trusted proxies count, those of anybody else do not.

import Testing
import Wire

/// One request from `peer` under a rule that trusts 10.0.0.0/8 and fd00::/8.
private func requester(_ headers: [(String, String)], from peer: String = "10.0.0.1",
                       by family: ForwardedHeaders = .xForwarded, isSecure: Bool = false) -> Requester? {
    let rule = ForwardedRule(trustedProxies: ["10.0.0.0/8", "fd00::/8"].compactMap(AddressRange.init),
                             headers: family)
    let all = [HTTPHeader("host", "hub.test")] + headers.map { HTTPHeader($0.0, $0.1) }
    return rule.requester(of: HTTPRequest(method: .get, path: "/", headers: all),
                          from: NetworkAddress(peer)!, isSecure: isSecure)
}

@Suite struct ForwardedTests {
    @Test(arguments: [
        ("203.0.113.9", "203.0.113.9"), ("203.0.113.9, 10.0.0.7", "203.0.113.9"),
        ("1.2.3.4, 203.0.113.9", "203.0.113.9"), ("127.0.0.1,203.0.113.9 , 10.9.9.9,10.0.0.2", "203.0.113.9"),
        ("10.0.0.5, 10.0.0.6", "10.0.0.5"), ("2001:db8::7", "2001:db8::7"), ("fd00::1", "fd00::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"), ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::7]:4711", "2001:db8::7"), ("[2001:db8::7]", "2001:db8::7"),
        ("nonsense, 203.0.113.9", "203.0.113.9"), ("203.0.113.9, unknown, 10.0.0.7", "10.0.0.7"),
        ("", "10.0.0.1"), (" , ,", "10.0.0.1"),
        ("nonsense", nil), ("203.0.113.9, unknown", nil), ("203.0.113.9:", nil), ("203.0.113.9:x", nil),
        ("203.0.113", nil), ("[203.0.113.9]", nil), ("[2001:db8::7", nil), ("2001:db8::7]:1", nil),
        ("203.0.113.9 10.0.0.7", nil), ("localhost", nil), ("0x7f.1", nil),
    ])
    func readsTheListFromItsEnd(_ list: String, _ address: String?) {
        #expect(requester([("x-forwarded-for", list)])?.address.description == address)
    }

    @Test func severalLinesAreOneList() {
        let seen = requester([("x-forwarded-for", "1.2.3.4"), ("x-forwarded-for", "203.0.113.9")])
        #expect(seen?.address == NetworkAddress("203.0.113.9"))
        let hops = (0..<100).map { "10.0.0.\($0)" }.joined(separator: ", ")
        #expect(requester([("x-forwarded-for", "1.2.3.4, " + hops)])?.address == NetworkAddress("10.0.0.68"))
    }

    @Test func schemeAndHostComeFromTheNearestProxy() {
        let seen = requester([("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "http, https"),
                              ("x-forwarded-host", "evil.test, chat.test")])
        #expect(seen == Requester(address: NetworkAddress("203.0.113.9")!, host: "chat.test", isSecure: true))
        #expect(requester([("x-forwarded-proto", "HTTP")], isSecure: true)?.isSecure == false)
        #expect(requester([("x-forwarded-proto", "gopher")]) == nil)
        #expect(requester([], isSecure: true)?.isSecure == true)
    }

    @Test(arguments: ["203.0.113.1", "127.0.0.1", "11.0.0.1", "2001:db8::1", "::ffff:203.0.113.1"])
    func strangersAreNotBelieved(_ peer: String) {
        for name in ["x-forwarded-for", "x-real-ip", "forwarded"] {
            for family in ForwardedHeaders.allCases {
                let value = name == "forwarded" ? "for=10.0.0.1" : "10.0.0.1"
                let seen = requester([(name, value), ("x-forwarded-proto", "https"),
                                      ("x-forwarded-host", "evil.test")], from: peer, by: family)
                #expect(seen == Requester(address: NetworkAddress(peer)!, host: "hub.test", isSecure: false,
                                          isDoubtful: true))
            }
        }
        #expect(requester([("x-forwarded-for", "{}")], from: peer)?.isDoubtful == true)
        #expect(requester([], from: peer)?.isDoubtful == false)
    }

    @Test func onlyTheConfiguredFamilyCounts() {
        let all = [("x-forwarded-for", "203.0.113.1"), ("x-real-ip", "203.0.113.2"), ("forwarded", "for=203.0.113.3")]
        let seen = ForwardedHeaders.allCases.map { requester(all, by: $0)!.address.description }
        #expect(seen == ["203.0.113.1", "203.0.113.2", "203.0.113.3", "10.0.0.1"])
        #expect(requester(all, by: .none)?.isDoubtful == true)
    }

    @Test(arguments: [("203.0.113.9", "203.0.113.9"), ("203.0.113.9, 203.0.113.8", nil), ("x", nil)])
    func realIP(_ value: String, _ address: String?) {
        #expect(requester([("x-real-ip", value)], by: .xRealIP)?.address.description == address)
        #expect(requester([("x-real-ip", value), ("x-real-ip", value)], by: .xRealIP) == nil)
    }

    @Test(arguments: [
        ("for=203.0.113.9", "203.0.113.9", false, "hub.test"),
        ("for=203.0.113.9;proto=https;host=chat.test", "203.0.113.9", true, "chat.test"),
        ("For=\"203.0.113.9:80\" ; Proto=https", "203.0.113.9", true, "hub.test"),
        ("for=\"[2001:db8::7]:47\"", "2001:db8::7", false, "hub.test"),
        ("for=1.2.3.4;proto=http;host=evil.test, for=203.0.113.9;proto=https", "203.0.113.9", true, "hub.test"),
        ("for=203.0.113.9;proto=https, for=10.0.0.7;proto=http", "203.0.113.9", true, "hub.test"),
        ("for=203.0.113.9, for=unknown", "10.0.0.1", false, "hub.test"),
        ("for=203.0.113.9, for=_hidden", "10.0.0.1", false, "hub.test"),
        ("by=10.0.0.1", "10.0.0.1", false, "hub.test"), ("for=\"\\203.0.113.9\"", "203.0.113.9", false, "hub.test"),
    ])
    func forwarded(_ value: String, _ address: String, _ isSecure: Bool, _ host: String) {
        let seen = requester([("forwarded", value)], by: .forwarded)
        #expect(seen == Requester(address: NetworkAddress(address)!, host: host, isSecure: isSecure))
    }

    @Test(arguments: [
        "for=nonsense", "for", "for=", "for=203.0.113.9;", "for=203.0.113.9,", "for=203.0.113.9;for=203.0.113.8", "=x",
        "for=\"203.0.113.9", "for=\"203.0.113.9\\", "for=203.0.113.9 x", "for=203.0.113.9;proto=gopher", "203.0.113.9",
        "for=2001:db8::7", "",
        // Marks are bytes: what combines with one does not hide it.
        "for=203.0.113.9\u{301}", "for=\"203.0.113.9\"\u{301}", "for=\"203.0.113.9\u{301}\"", "for=\u{338}203.0.113.9",
        "for=203.0.113.9\u{37E}proto=https",
    ])
    func refusesBrokenForwarded(_ value: String) {
        #expect(requester([("forwarded", value)], by: .forwarded) == nil)
    }
}

@Suite struct NetworkAddressTests {
    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0::1:2:3:4", "2001:db8::1:2:3:4", "2001:db8::"), ("::", "::", "::"), ("::1", "::1", "::"),
        ("fe80::1%eth0", "fe80::1", "fe80::"), ("0.0.0.0", "0.0.0.0", "0.0.0.0"),
    ])
    func readsAndWrites(_ text: String, _ written: String, _ network: String) throws {
        let address = try #require(NetworkAddress(text))
        #expect(address.description == written)
        #expect(address.network.description == network)
        #expect(NetworkAddress(written) == address)
    }

    @Test(arguments: ["", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "a.b", ":", "1::2::3", "12345::",
                      "1.2.3.4\0", "::1 ", String(repeating: "1", count: 100)])
    func refusesTheRest(_ text: String) { #expect(NetworkAddress(text) == nil) }
}
