// What a slow network gets: one script, one sheet, compressed, kept for good; and what is left alone.

@testable import Front
import Deflate
import Ports
import Testing

@Suite struct WebBundleTests {
    private func bundle(_ page: String, _ files: [String: String]) -> WebBundle? {
        WebBundle(page: page) { files[$0] }
    }

    private let page = """
        <head>
        <link rel="stylesheet" href="/a.css">
        <link rel="stylesheet" href="/b.css">
        <script src="/early.js"></script>
        <script type="module" src="/app/main.js"></script>
        </head>
        """

    @Test func modulesBecomeFunctionsInTheOrderOfTheirImports() throws {
        let made = try #require(bundle(page, [
            "/a.css": "a{}", "/b.css": "b{}", "/early.js": "'x';",
            "/app/main.js": """
                // A comment.
                import { one, two as three } from './parts.js';
                import {
                  four,
                } from '../sdk/index.js';
                /** @type {any} */
                const sum = one + three + four; // stays
                run(sum);
                """,
            "/app/parts.js": """
                /**
                 * Text.
                 */
                export const one = 1;
                export function two() {
                  return 'export function no() {';
                }
                """,
            "/sdk/index.js": "export { four } from './deep.js';",
            "/sdk/deep.js": "import '../app/parts.js';\nexport class four {}\nexport async function five() {}",
        ]))
        let script = try #require(made.files.first { $0.path.hasSuffix(".js") })
        #expect(String(decoding: script.content, as: UTF8.self) == """
            const m0 = (() => {
            const one = 1;
            function two() {
              return 'export function no() {';
            }
            return { one, two };
            })();
            const m1 = (() => {
            class four {}
            async function five() {}
            return { four, five };
            })();
            const m2 = (() => {
            const { four } = m1;
            return { four };
            })();
            const m3 = (() => {
            const { one, two: three } = m0;
            const { four } = m2;
            const sum = one + three + four; // stays
            run(sum);
            return {  };
            })();

            """)
        let sheet = try #require(made.files.first { $0.path.hasSuffix(".css") })
        #expect(sheet.content == Array("a{}\nb{}".utf8))
        let text = String(decoding: made.page, as: UTF8.self)
        #expect(text == """
            <head>
            <link rel="stylesheet" href="\(sheet.path)">
            <script>'x';</script>
            <link rel="modulepreload" href="\(script.path)">
            <script type="module" src="\(script.path)"></script>
            </head>
            """)
        // openssl dgst -sha256 -binary | base64
        #expect(made.inlineScriptHashes == ["ptedOgnjtoq5N3dXR0M44hhUFyBm5Ka3mG1af0vCwGA="])
    }

    @Test(arguments: [
        "import * as all from './parts.js';", "import parts from './parts.js';", "export default 1;",
        "export let changing = 1;", "import { one } from 'package';", "import { one } from './missing.js';",
        "import { one } from './main.js';", "import { one } from '../../out.js';", "export * from './parts.js';",
        "/** never closed", "import { one from './parts.js';",
    ]) func formsThatAreNotOursAreServedAsTheyAre(_ code: String) {
        #expect(bundle("<script type=\"module\" src=\"/app/main.js\"></script>",
                       ["/app/main.js": code, "/app/parts.js": "export const one = 1;"]) == nil)
    }

    @Test func aCircleOfModulesIsLeftAlone() {
        #expect(bundle("<script type=\"module\" src=\"/a.js\"></script>", [
            "/a.js": "import { b } from './b.js';\nexport const a = 1;",
            "/b.js": "import { a } from './a.js';\nexport const b = 1;",
        ]) == nil)
    }

    @Test(arguments: [
        (nil, false), ("", false), ("gzip", true), ("GZIP", true), ("br, gzip", true), ("gzip;q=0", false),
        ("gzip; q=0.000", false), ("gzip;q=0.1", true), ("*", true), ("*;q=0", false), ("*;q=0, gzip", true),
        ("identity", false), ("gzip;q=0, *", false), ("x-gzip", false), ("deflate, br;q=1.0", false),
    ] as [(String?, Bool)]) func whoTakesGzip(_ header: String?, _ isTaken: Bool) {
        #expect(FrontLoop.takesGzip(header) == isTaken)
    }

    /// The client's own files can be bundled: it would be served in 60 pieces otherwise.
    @Test func theClientIsServedInFewPieces() async throws {
        let folder = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let site = try StaticSite(folder: "/\(folder)/web")
        let page = try #require(site.file("/"))
        let text = String(decoding: page.body.bytes, as: UTF8.self)
        let references = text.split(separator: "\"").map(String.init).filter { $0.hasPrefix("/") }
        let code = try #require(references.first { $0.hasSuffix(".js") })
        #expect(code.hasPrefix("/app."))
        #expect(references.filter { $0.hasSuffix(".css") }.count == 1)
        #expect(page.caching == "no-cache")
        #expect(page.scriptHashes.count == 1)
        for path in references {
            let file = try #require(site.file(path), "\(path) is there")
            guard path == code || path.hasSuffix(".css") else { continue }
            #expect(file.caching == "public, max-age=31536000, immutable")
            let packed = try #require(file.gzip)
            #expect(packed.bytes.count * 3 < file.body.bytes.count)
        }
        #expect(site.file("/app/main.js") != nil, "the modules are there as well")
    }
}
