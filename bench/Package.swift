// swift-tools-version: 6.2
import PackageDescription

// The bench is a package of its own and shares no code with the hub: its client is written from
// docs/hub.v1.proto and docs/http-api.md alone, and so proves those documents too.

let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let package = Package(
    name: "hub-bench",
    products: [.executable(name: "hub-bench", targets: ["hub-bench"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        .systemLibrary(name: "COpenSSL", path: "Sources/COpenSSL", pkgConfig: "openssl",
                       providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", path: "Sources/CZlib", pkgConfig: "zlib",
                       providers: [.apt(["zlib1g-dev"])]),
        .target(name: "CBench", path: "Sources/CBench"),
        .target(
            name: "Harness",
            dependencies: [
                "CBench", "COpenSSL", "CZlib",
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            path: "Sources/Harness", swiftSettings: house),
        .executableTarget(
            name: "hub-bench",
            dependencies: [
                "Harness",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources/hub-bench", swiftSettings: house),
        .testTarget(name: "HarnessTests", dependencies: ["Harness"], path: "Tests/HarnessTests",
                    swiftSettings: house),
    ]
)
