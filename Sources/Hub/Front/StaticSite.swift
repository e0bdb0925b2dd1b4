// The files of the web client, read once at start and served from memory. What is not there at start is
// not there: no path of a request ever reaches the file system.

import Crypto
import Deflate
import Glibc
import Ports

package final class StaticSite: Sendable {
    /// Why the folder cannot be served, as one line.
    package struct Problem: Error, Hashable, Sendable {
        package let text: String
    }

    /// All files together; a web client is far smaller.
    package static let bytesMax = 32 << 20
    /// Folders within folders; more is a link that leads back.
    package static let depthMax = 16

    struct File: Sendable {
        let type: String
        /// Strong validator: of the content's hash.
        let etag: String
        let caching: String
        let body: EncodedFrame
        /// The same compressed, where that is worth it.
        let gzip: EncodedFrame?
        /// Hashes of scripts that stand in the page itself.
        var scriptHashes: [String] = []

        init(type: String, name: String, content: [UInt8]) {
            self.type = type
            etag = "\"\(StaticSite.hash(content))\""
            caching = StaticSite.caching(of: name)
            body = EncodedFrame(content)
            // A page goes as it is. It is small, and nobody has to ask whether one that holds secrets some day is
            // compressed beside a stranger's text (BREACH).
            let isPage = type.hasPrefix("text/html")
            let isText = !isPage && (type.hasPrefix("text/") || type.contains("json") || type.contains("svg"))
            let packed = isText && content.count > StaticSite.gzipBytesMin ? Gzip.compress(content) : nil
            gzip = packed.flatMap { $0.count < content.count ? EncodedFrame($0) : nil }
        }
    }

    /// Smaller files fit into the packet of the answer's head anyway.
    private static let gzipBytesMin = 512

    private let files: [[UInt8]: File]

    /// Reads every file below `folder`; names that begin with a dot are left out.
    package init(folder: String) throws(Problem) {
        var files: [[UInt8]: File] = [:]
        var bytes = 0
        try Self.read(folder, prefix: "/", depth: 0, into: &files, &bytes)
        let start = Array("/index.html".utf8)
        guard let page = files[start] else {
            throw Problem(text: "there is no index.html in \(folder)")
        }
        let bundle = WebBundle(page: String(decoding: page.body.bytes, as: UTF8.self)) { path in
            files[Array(path.utf8)].map { String(decoding: $0.body.bytes, as: UTF8.self) }
        }
        if let bundle {
            for (path, content) in bundle.files {
                files[Array(path.utf8)] = Self.type(of: path).map { File(type: $0, name: path, content: content) }
            }
            var made = File(type: page.type, name: "index.html", content: bundle.page)
            made.scriptHashes = bundle.inlineScriptHashes
            files[start] = made
        }
        self.files = files
    }

    /// The file a path names; `/` is the start page.
    func file(_ path: String) -> File? { files[Array((path == "/" ? "/index.html" : path).utf8)] }

    private static func read(_ folder: String, prefix: String, depth: Int,
                             into files: inout [[UInt8]: File], _ bytes: inout Int) throws(Problem) {
        guard depth <= depthMax else { throw Problem(text: "\(folder) is nested too deeply") }
        guard let directory = opendir(folder) else {
            throw Problem(text: "cannot read \(folder) (\(String(cString: strerror(errno))))")
        }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard !name.hasPrefix(".") else { continue }
            let path = folder + "/" + name
            var status = stat()
            guard stat(path, &status) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFDIR {
                try read(path, prefix: prefix + name + "/", depth: depth + 1, into: &files, &bytes)
                continue
            }
            guard status.st_mode & S_IFMT == S_IFREG, let type = type(of: name) else { continue }
            let content = try contents(path)
            bytes += content.count
            guard bytes <= bytesMax else {
                throw Problem(text: "the files in \(folder) are larger than \(bytesMax) bytes")
            }
            files[Array((prefix + name).utf8)] = File(type: type, name: name, content: content)
        }
    }

    /// The first 12 bytes of the SHA-256, as hexadecimal digits.
    static func hash(_ content: [UInt8]) -> String {
        SHA256.hash(content).prefix(12).map { byte in
            let digits = String(byte, radix: 16)
            return digits.utf8.count == 1 ? "0" + digits : digits
        }.joined()
    }

    private static func contents(_ path: String) throws(Problem) -> [UInt8] {
        guard let file = fopen(path, "rb") else {
            throw Problem(text: "cannot read \(path) (\(String(cString: strerror(errno))))")
        }
        defer { fclose(file) }
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            if count == 0 { return content }
            content += chunk[..<count]
            guard content.count <= bytesMax else {
                throw Problem(text: "\(path) is larger than \(bytesMax) bytes")
            }
        }
    }

    /// A name with a hash of the content in it (`app.3f9c02d41b7e.js`) never means anything else.
    private static func caching(of name: String) -> String {
        let parts: [Substring] = name.split(separator: ".")
        let hasHash = parts.dropFirst().dropLast().contains { part in
            part.count >= 8 && part.allSatisfy { $0.isHexDigit && !$0.isUppercase }
        }
        return hasHash ? "public, max-age=31536000, immutable" : "no-cache"
    }

    /// The media type by the ending of the name; other files are not served.
    private static func type(of name: String) -> String? {
        switch name.split(separator: ".").last {
        case "html": "text/html; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "js": "text/javascript; charset=utf-8"
        case "json": "application/json"
        case "webmanifest": "application/manifest+json"
        case "svg": "image/svg+xml"
        case "png": "image/png"
        case "ico": "image/x-icon"
        case "txt": "text/plain; charset=utf-8"
        case "woff2": "font/woff2"
        default: nil
        }
    }
}
