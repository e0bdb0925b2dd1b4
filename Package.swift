// swift-tools-version: 6.2
import PackageDescription

// Targets nest inside Sources/Actors and Sources/Hub; what may import what stands in
// ARCHITECTURE.md and is checked by the Tidy test.

let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

func actors(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/Actors/\(name)",
            swiftSettings: house)
}

func hub(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/Hub/\(name)",
            swiftSettings: house)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(name: "\(name)Tests", dependencies: dependencies, path: "Tests/\(name)",
                exclude: exclude, swiftSettings: house)
}

func library(_ name: String, pkgConfig: String?, apt: String) -> Target {
    .systemLibrary(name: name, path: "Sources/Hub/\(name)", pkgConfig: pkgConfig,
                   providers: [.apt([apt])])
}

let package = Package(
    name: "hub",
    products: [.executable(name: "hub", targets: ["App"])],
    targets: [
        actors("Model", []),
        actors("Ports", ["Model"]),
        actors("Rules", ["Model"]),
        actors("Live", ["Rules", "Ports", "Model"]),

        library("CUV", pkgConfig: "libuv", apt: "libuv1-dev"),
        // libraries' headers that Swift cannot take: a few functions in C (apt: liburing-dev)
        .target(name: "CURing", path: "Sources/Hub/CURing", linkerSettings: [.linkedLibrary("uring")]),
        library("COpenSSL", pkgConfig: "openssl", apt: "libssl-dev"),
        library("CPQ", pkgConfig: "libpq", apt: "libpq-dev"),
        library("CSQLite", pkgConfig: "sqlite3", apt: "libsqlite3-dev"),
        library("CArgon2", pkgConfig: "libargon2", apt: "libargon2-dev"),
        library("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),

        hub("Loop", ["CUV", "CURing", "Ports"]),
        hub("Crypto", ["COpenSSL", "CArgon2", "Ports"]),
        hub("Deflate", ["CZlib"]),
        hub("Wire", ["Model"]),
        hub("Store", ["CPQ", "CSQLite", "Loop", "Ports", "Model"]),
        hub("Vault", ["Crypto", "Ports", "Model"]),
        hub("Identity", ["Crypto", "Wire", "Ports", "Model"]),
        hub("Front", ["Wire", "Deflate", "Loop", "Crypto", "Live", "Ports", "Model"]),
        .executableTarget(
            name: "App",
            dependencies: ["Front", "Identity", "Vault", "Store", "Wire", "Loop", "Crypto", "Live",
                           "Rules", "Ports", "Model"],
            path: "Sources/Hub/App", swiftSettings: house),

        // The simulator: a library, the command that runs it, and the suite that runs it in `make test`.
        .target(name: "Simulation", dependencies: ["Wire", "Live", "Rules", "Ports", "Model"],
                path: "Tests/Simulation", exclude: ["Command", "Mutants", "Suite"], swiftSettings: house),
        .executableTarget(name: "hub-sim", dependencies: ["Simulation"], path: "Tests/Simulation/Command",
                          swiftSettings: house),

        // The front as an echo server, for Autobahn (scripts/autobahn).
        .executableTarget(name: "hub-echo", dependencies: ["Front", "Wire", "Loop", "Crypto", "Ports", "Model"],
                          path: "Tests/Autobahn", swiftSettings: house),

        tests("Rules", ["Rules", "Model"]),
        .testTarget(name: "SimulationTests", dependencies: ["Simulation"], path: "Tests/Simulation/Suite",
                    swiftSettings: house),
        tests("Live", ["Live", "Simulation", "Ports", "Model"]),
        tests("App", ["App", "Wire", "Ports", "Model"]),
        tests("EndToEnd", ["App"]),
        tests("Protocol", ["Wire", "Model"], exclude: ["Golden"]),
        tests("Contract", ["Store", "Ports", "Model", "CSQLite", "CPQ"]),
        // A TLS client and certificates for tests.
        .target(name: "TLSPeer", dependencies: ["COpenSSL"], path: "Tests/TLSPeer", swiftSettings: house),
        tests("Crypto", ["Crypto", "TLSPeer"]),
        tests("Vault", ["Vault", "Crypto", "Ports", "Model"]),
        tests("Identity", ["Identity", "Store", "Crypto", "Wire", "Ports", "Model"]),
        tests("Tidy", []),
        tests("Loop", ["Loop", "Ports"]),
        tests("Front", ["Front", "Crypto", "TLSPeer", "Wire", "Deflate", "Loop", "Live", "Ports", "Model"]),
        tests("Deflate", ["Deflate"]),
        tests("HTTPWire", ["Wire"]),
        tests("WebSocketWire", ["Wire", "Model"]),
    ]
)
