// The files of the web client, read once at start and served from memory. What is not there at start is
// not there: no path of a request ever reaches the file system.

import Crypto
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
    }

    private let files: [[UInt8]: File]

    /// Reads every file below `folder`; names that begin with a dot are left out.
    package init(folder: String) throws(Problem) {
        var files: [[UInt8]: File] = [:]
        var bytes = 0
        try Self.read(folder, prefix: "/", depth: 0, into: &files, &bytes)
        guard files[Array("/index.html".utf8)] != nil else {
            throw Problem(text: "there is no index.html in \(folder)")
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
            let hash = SHA256.hash(content).prefix(12).map { byte in
                let digits = String(byte, radix: 16)
                return digits.count == 1 ? "0" + digits : digits
            }.joined()
            files[Array((prefix + name).utf8)] = File(type: type, etag: "\"\(hash)\"",
                                        caching: caching(of: name), body: EncodedFrame(content))
        }
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
