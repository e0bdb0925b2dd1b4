// The text forms of addresses, origins, ranges and store locations, and what follows from others.

import Testing

@testable import App
import Model
import Ports
import Wire

@Suite struct ValueForms {
    @Test(arguments: [
        ("127.0.0.1:8080", "127.0.0.1:8080"), ("[::1]:0", "[::1]:0"), ("0.0.0.0:65535", "0.0.0.0:65535"),
        ("127.0.0.1:65536", nil), ("127.0.0.1", nil), (":8080", nil), ("::1:8080", nil),
        ("[127.0.0.1]:80", nil), ("localhost:80", nil), ("127.0.0.1:+1", nil), ("", nil),
    ])
    func listenAddress(text: String, read: String?) {
        #expect(ListenAddress(text)?.description == read)
    }

    @Test(arguments: [
        ("https://Hub.Example.org/", "https://hub.example.org"), ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://a:443", "https://a"), ("http://a:80", "http://a"), ("http://a:443", "http://a:443"),
        ("http://[::1]:8080", "http://[::1]:8080"), ("http://[::1]", "http://[::1]"),
        ("ftp://a", nil), ("https://", nil), ("https://a/b", nil), ("https://a?b", nil), ("https://u@a", nil),
        ("https://a:0", nil), ("https://a:b", nil), ("http://::1", nil), ("http://[::1", nil), ("a", nil),
    ])
    func publicURL(text: String, read: String?) {
        #expect(PublicURL(text)?.description == read)
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false),
        ("192.0.2.7", "192.0.2.7", true), ("192.0.2.7", "192.0.2.8", false),
        ("0.0.0.0/0", "203.0.113.9", true), ("0.0.0.0/0", "::1", false),
        ("::1/128", "::1", true), ("fd00::/8", "fdff::1", true), ("fd00::/8", "fe00::1", false),
        ("127.0.0.0/8", "::ffff:127.0.0.1", true), ("127.0.0.0/9", "127.128.0.0", false),
        ("::ffff:10.0.0.0/104", "10.1.2.3", true), ("::/0", "10.1.2.3", false), ("::/0", "fe80::1", true),
        ("2001:db8::/65", "2001:db8::7fff:0:0:1", true), ("2001:db8::/65", "2001:db8::8000:0:0:1", false),
    ])
    func addressRange(range: String, address: String, isIn: Bool) throws {
        let range = try #require(AddressRange(range))
        #expect(range.contains(try #require(NetworkAddress(address))) == isIn)
    }

    @Test(arguments: ["10.1.2.3/8", "10.0.0.0/33", "::/129", "10.0.0.0/", "x/8", "10.0.0/8", "10.0.0.0/-1",
                      "fe80::%a/64", ""])
    func badAddressRange(text: String) {
        #expect(AddressRange(text) == nil)
    }

    @Test(arguments: [
        ("sqlite:/a b", "sqlite:/a b", false), ("sqlite:", nil, false), ("postgres://h/d", "postgres://h/d", false),
        ("postgresql://u@h/d", "postgresql://u@h/d", false),
        ("postgresql://u:p@h/d", "postgresql://u:***@h/d", true),
        ("postgresql://u:p/q@h/d", "postgresql://u:***@h/d", true),
        ("postgresql://h:5432/d", "postgresql://h:5432/d", false),
        ("postgresql:///d?host=/run&password=p", "postgresql:///d?host=/run&password=***", true),
        ("postgresql://h/d?Password=p&x=1", "postgresql://h/d?Password=***&x=1", true),
        ("host=h password=p", nil, false),
    ])
    func databaseLocation(text: String, shown: String?, hasPassword: Bool) {
        let location = DatabaseLocation(text)
        #expect(location?.description == shown)
        #expect((location?.hasPassword ?? false) == hasPassword)
    }

    @Test(arguments: [
        ("postgresql://u@h/d", "postgresql://u@h/d?password=a%26%C3%A9%20b"),
        ("postgresql://u@h/d?sslmode=require", "postgresql://u@h/d?sslmode=require&password=a%26%C3%A9%20b"),
    ])
    func passwordFromFile(uri: String, with: String) throws {
        let location = try #require(DatabaseLocation(uri)).with(password: Password("a&é b"))
        #expect(location.reveal == with)
        #expect(!"\(location)".contains("%26"))
    }
}

@Suite struct DerivedValues {
    @Test(arguments: [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"), ("0.0.0.0:80", "http://127.0.0.1"),
        ("[::]:8080", "http://[::1]:8080"), ("[fd00::1]:8080", "http://[fd00::1]:8080"),
    ])
    func publicURL(listen: String, url: String) throws {
        let address = try #require(ListenAddress(listen))
        #expect(Configuration().publicURL(boundTo: address).description == url)
    }

    @Test func pathsFollowTheDataDirectory() {
        var configuration = Configuration()
        configuration.dataDirectory = "/srv/hub/"
        #expect(configuration.databaseLocation == .sqlite(path: "/srv/hub/hub.db"))
        #expect(configuration.masterKeyPath == "/srv/hub/master.key")
        #expect(configuration.createsMasterKey)
        configuration.store = DatabaseLocation("postgresql://h/d")
        #expect(!configuration.createsMasterKey)
        configuration.createMasterKey = true
        #expect(configuration.createsMasterKey)
    }

    @Test(arguments: [(1, 1), (2, 1), (8, 7)])
    func frontLoops(cores: Int, loops: Int) {
        #expect(Configuration().frontLoopCount(cores: cores) == loops)
    }

    @Test func webDirectoryIsTheFirstThatExists() {
        let configuration = Configuration()
        let find = { (present: Set<String>) in
            configuration.webDirectory(beside: "/opt/bin/hub") { present.contains($0) }
        }
        #expect(find(["/opt/bin/web", "/opt/share/hub/web", "./web"]) == "/opt/bin/web")
        #expect(find(["/opt/share/hub/web", "./web"]) == "/opt/share/hub/web")
        #expect(find(["./web"]) == "./web")
        #expect(find([]) == nil)
    }
}

@Suite struct Suggestions {
    @Test(arguments: [("", "abc", 3), ("abc", "abc", 0), ("abc", "acb", 1), ("abc", "abcd", 1),
                      ("a-b", "A_B", 0), ("kitten", "sitting", 3)])
    func distance(a: String, b: String, expected: Int) {
        #expect(editDistance(a, b) == expected)
    }
}
