// swift-tools-version: 6.2
import Foundation
import PackageDescription

// The strictest settings the toolchain has; warnings are errors everywhere.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableExperimentalFeature("Lifetimes"),
    .treatAllWarnings(as: .error),
    .strictMemorySafety(),
]

let argumentParser = Target.Dependency.product(
    name: "ArgumentParser",
    package: "swift-argument-parser"
)
let asyncHTTPClient = Target.Dependency.product(
    name: "AsyncHTTPClient",
    package: "async-http-client"
)
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioConcurrency = Target.Dependency.product(
    name: "NIOConcurrencyHelpers",
    package: "swift-nio"
)
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioExtras = Target.Dependency.product(name: "NIOExtras", package: "swift-nio-extras")
let serviceLifecycle = Target.Dependency.product(
    name: "ServiceLifecycle",
    package: "swift-service-lifecycle"
)
let swiftASN1 = Target.Dependency.product(name: "SwiftASN1", package: "swift-asn1")
let x509 = Target.Dependency.product(name: "X509", package: "swift-certificates")
let tracing = Target.Dependency.product(name: "Tracing", package: "swift-distributed-tracing")
let inMemoryTracing = Target.Dependency.product(
    name: "InMemoryTracing",
    package: "swift-distributed-tracing"
)
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

func module(
    _ name: String,
    _ dependencies: [Target.Dependency] = [],
    path: String? = nil,
    exclude: [String] = []
) -> Target {
    .target(
        name: name,
        dependencies: dependencies,
        path: path,
        exclude: exclude,
        swiftSettings: strict
    )
}

func command(
    _ name: String,
    _ dependencies: [Target.Dependency],
    path: String? = nil,
    isServer: Bool = false
) -> Target {
    .executableTarget(
        name: name,
        dependencies: dependencies,
        path: path,
        swiftSettings: isServer ? strict + [linkedRuntime.swift] : strict,
        linkerSettings: isServer ? [linkedRuntime.linker] : []
    )
}

/// Swift's runtime within the binary, as in the packages: it is called without a detour, which
/// saves 7 % of the server's processor time for an HTTP read (Performance.md).
let linkedRuntime = (
    swift: SwiftSetting.unsafeFlags(["-static-stdlib"], .when(configuration: .release)),
    linker: LinkerSetting.unsafeFlags(["-static-stdlib"], .when(configuration: .release))
)

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name,
        dependencies: dependencies,
        exclude: testFixtures[name] ?? [],
        swiftSettings: strict
    )
}

/// Folders of test targets that hold recorded answers and transcripts, read from the source tree.
let testFixtures: [String: [String]] = ["RaftTests": ["Transcripts"]]

// Fuzz targets are built only on request (style.md): a libFuzzer main is not a normal executable.
let fuzz: [Target] =
    ProcessInfo.processInfo.environment["ROOST_FUZZ"] == nil
    ? []
    : ["ZooKeeperFrame", "HTTPRequest", "DNSMessage", "LogRecord", "PeerFrame", "Snapshot"].map {
        command("Fuzz\($0)", ["FuzzEntry"], path: "Fuzz/\($0)")
    }

let package = Package(
    name: "roost",
    products: [
        .executable(name: "roost", targets: ["roost"]),
        .executable(name: "roost-bench", targets: ["roost-bench"]),
        .executable(name: "roost-log", targets: ["roost-log"]),
        .executable(name: "roost-churn", targets: ["roost-churn"]),
        .executable(name: "roost-fill", targets: ["roost-fill"]),
        .executable(name: "roost-sim", targets: ["roost-sim"]),
    ],
    dependencies: [
        // Command lines with generated help, for `roost` and the tools.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        // One configuration type for file, environment and flags.
        .package(
            url: "https://github.com/apple/swift-configuration",
            from: "1.4.0",
            traits: ["JSON", "CommandLineArguments"]
        ),
        // Deque: rings of pending requests that reuse their storage. Heap: the simulator's schedule.
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        // Reads what is in a certificate, and writes those that `roost tls` makes; the second is the
        // notation that the first is written in.
        .package(url: "https://github.com/apple/swift-asn1.git", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates.git", from: "1.21.1"),
        // SHA-256 of snapshots and long keys, SHA-1 of ZooKeeper's digest scheme.
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        // Spans of traced requests, by the interface that tracing backends have.
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        // Structured logs with levels.
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        // The interface by which rare figures (snapshots) and those of libraries reach
        // /v1/agent/metrics. Its backend is our own (MetricsRegistry): the figures of hot paths are
        // collected when asked, and swift-prometheus would have to be told each of them anew.
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        // Event loops, sockets and the HTTP/1.1 parser below every front end.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        // TLS of every port: BoringSSL as a channel handler.
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.6"),
        // gzip of HTTP answers, which Consul's clients may ask for.
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        // File descriptors with typed errors, for the disk's side of the house.
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        // The HTTP client of `roost`'s own commands.
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        // Services that stop in the opposite order of their start, when one of them is told to.
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // Debian's liblmdb-dev.
        .systemLibrary(
            name: "CLMDB",
            pkgConfig: "lmdb",
            providers: [.apt(["liblmdb-dev"])]
        ),

        // Pure: values in, values out; no NIO, Foundation or Dispatch.
        module("Bytes"),
        module("Measures"),
        module("Disk"),
        module("LMDB", ["CLMDB", "Bytes"]),
        module("Commands", ["Bytes", crypto]),
        module("Raft"),
        module("RaftStore", ["Raft", "LMDB", "Disk", "Bytes", "Measures", crypto]),
        module("StateMachine", ["Commands", "LMDB", "Bytes", crypto]),
        module("Watches", ["Commands", "Bytes"]),
        module(
            "Replica",
            [
                "Raft", "RaftStore", "StateMachine", "Watches", "Commands", "LMDB", "Bytes",
                "Measures", deque, heap,
            ]
        ),
        module("ZooKeeperProtocol", ["Commands", "Bytes", "Measures"]),
        module("ConsulProtocol", ["Commands", "Bytes", "Measures"]),
        module("DNSProtocol", ["Bytes"]),
        module(
            "Backup",
            [
                "RaftStore", "StateMachine", "Raft", "ConsulProtocol", "LMDB", "Disk", "Bytes",
                crypto,
            ]
        ),
        module("PeerProtocol", ["Replica", "StateMachine", "Raft", "Commands", "Bytes"]),

        // NIO from here up.
        module(
            "ZooKeeperServer",
            [
                "ZooKeeperProtocol", "Replica", "StateMachine", "Watches", "Commands", "Bytes",
                "Measures", crypto, deque, logging, nioCore, nioPosix,
            ]
        ),
        module(
            "ConsulServer",
            [
                "ConsulProtocol", "Replica", "StateMachine", "Watches", "Commands", "Bytes",
                "Measures", crypto, deque, logging, nioCore, nioPosix, nioHTTP1, nioExtras,
            ]
        ),
        module(
            "DNSServer",
            [
                "DNSProtocol", "Replica", "StateMachine", "Commands", "Bytes", "Measures", deque,
                logging, nioCore,
            ]
        ),
        module(
            "TransportSecurity",
            ["Disk", crypto, logging, nioCore, nioSSL, nioTLS, swiftASN1, x509]
        ),
        module(
            "PeerTransport",
            [
                "TransportSecurity", "PeerProtocol", "Replica", "RaftStore", "Raft", "Disk",
                "Bytes", logging, nioCore, nioPosix, nioSSL, nioTLS,
            ]
        ),
        module(
            "RoostServer",
            [
                "ZooKeeperServer", "ZooKeeperProtocol", "ConsulServer", "ConsulProtocol",
                "DNSServer", "DNSProtocol", "PeerTransport", "TransportSecurity",
                "PeerProtocol", "Disk", "Console",
                "Replica", "RaftStore", "StateMachine", "Watches", "Backup",
                "Raft", "LMDB", "Commands", "Bytes", "Measures", configuration, coreMetrics,
                logging, nioConcurrency, nioCore,
                nioPosix, serviceLifecycle, systemPackage, crypto,
                tracing,
            ],
            exclude: ["Docs.docc"]
        ),
        module("Console", ["Disk"]),
        command(
            "roost",
            [
                "RoostServer", "TransportSecurity", "Backup", "RaftStore", "Raft", "Console",
                "Disk", "Bytes", argumentParser, asyncHTTPClient, coreMetrics, crypto, logging,
                nioCore, nioHTTP1, nioPosix, nioSSL, swiftASN1, x509,
            ],
            isServer: true
        ),

        // What tests and tools draw their random numbers from, so that a seed repeats them.
        module("SeededRandom", path: "Tools/SeededRandom"),
        tests("RaftTests", ["Raft", "SeededRandom"]),
        tests(
            "PeerProtocolTests",
            ["PeerProtocol", "Replica", "StateMachine", "Raft", "Commands", "Bytes"]
        ),
        tests(
            "PeerTransportTests",
            [
                "PeerTransport", "TransportSecurity", "PeerProtocol", "Replica", "RaftStore",
                "Raft", "LMDB", "Bytes", logging, nioCore, nioEmbedded, nioPosix,
            ]
        ),
        tests(
            "BackupTests",
            ["Backup", "RaftStore", "StateMachine", "Raft", "Disk", "Bytes", crypto]
        ),
        tests("MeasuresTests", ["Measures"]),
        tests("LMDBTests", ["LMDB", "Bytes"]),
        // Replaces libc's file calls in the test process, to record what would reach the disk.
        .target(name: "DiskRecorder", path: "Tests/DiskRecorder"),
        tests(
            "RaftStoreTests",
            ["RaftStore", "Raft", "LMDB", "Disk", "Bytes", "DiskRecorder", "SeededRandom", crypto]
        ),
        tests("ConsulProtocolTests", ["ConsulProtocol", "Commands", "Bytes", "Measures"]),
        // What the tests of both front ends stand on.
        module(
            "VirtualReplica",
            [
                "Replica", "StateMachine", "Watches", "Raft", "Commands", "LMDB", nioCore,
                nioEmbedded,
            ],
            path: "Tests/VirtualReplica"
        ),
        tests(
            "ConsulServerTests",
            [
                "ConsulServer", "ConsulProtocol", "VirtualReplica", "Replica", "Commands", "Bytes",
                logging, nioCore, nioEmbedded,
            ]
        ),
        tests("DNSProtocolTests", ["DNSProtocol", "Bytes"]),
        tests(
            "DNSServerTests",
            [
                "DNSServer", "DNSProtocol", "VirtualReplica", "Replica", "Commands", "Bytes",
                logging, nioCore, nioEmbedded,
            ]
        ),
        tests("ZooKeeperProtocolTests", ["ZooKeeperProtocol", "Commands", "Bytes"]),
        tests(
            "ZooKeeperServerTests",
            [
                "ZooKeeperServer", "ZooKeeperProtocol", "VirtualReplica", "Replica", "Commands",
                "Bytes", logging, nioCore, nioEmbedded,
            ]
        ),
        tests("CommandsTests", ["Commands", "Bytes"]),
        tests("StateMachineTests", ["StateMachine", "Commands", "LMDB", "Bytes", "SeededRandom"]),
        tests("WatchesTests", ["Watches", "Commands", "Bytes"]),
        tests(
            "ReplicaTests",
            [
                "VirtualReplica", "Replica", "StateMachine", "Raft", "Watches", "Commands", "Bytes",
                "Measures",
            ]
        ),

        // Tools that a person runs.
        command(
            "roost-bench",
            ["Disk", argumentParser, nioCore, nioPosix],
            path: "Tools/roost-bench"
        ),
        command(
            "roost-log",
            [
                "RaftStore", "Raft", "StateMachine", "ConsulProtocol", "Commands", "LMDB", "Disk",
                "Backup", "Bytes", "SeededRandom", argumentParser,
            ],
            path: "Tools/roost-log"
        ),
        tests(
            "InspectorTests",
            [
                "roost-log", "RaftStore", "Raft", "StateMachine", "ConsulProtocol", "Commands",
                "LMDB", "Backup", "Disk", "Bytes", "SeededRandom", argumentParser,
            ]
        ),

        command(
            "roost-churn",
            ["RaftStore", "Raft", "Disk", "SeededRandom", argumentParser],
            path: "Tools/roost-churn"
        ),
        command(
            "roost-fill",
            [
                "RaftStore", "Raft", "StateMachine", "Commands", "LMDB", "Disk", "Bytes",
                "SeededRandom", argumentParser,
            ],
            path: "Tools/roost-fill"
        ),
        // A whole cluster in one thread, and its command.
        module(
            "Simulation",
            [
                "ZooKeeperServer", "ZooKeeperProtocol", "ConsulServer", "PeerProtocol", "Replica",
                "RaftStore", "StateMachine", "Raft", "LMDB", "Commands", "Bytes", "SeededRandom",
                heap, logging, nioCore, nioEmbedded,
            ],
            path: "Tools/Simulation"
        ),
        command("roost-sim", ["Simulation", "Disk", argumentParser], path: "Tools/roost-sim"),
        tests(
            "SimulationTests",
            [
                "Simulation", "Replica", "StateMachine", "RaftStore", "Raft", "Commands", "Watches",
                "Bytes",
                "SeededRandom",
            ]
        ),

        // What the fuzz targets and the replay of their saved cases run.
        module(
            "FuzzEntry",
            [
                "ZooKeeperProtocol", "ConsulProtocol", "DNSProtocol", "PeerProtocol", "RaftStore",
                "Backup", "Commands", "Bytes",
            ],
            path: "Fuzz/Entry"
        ),
        tests("FuzzReplayTests", ["FuzzEntry"]),
        tests(
            "RoostServerTests",
            [
                "RoostServer", "ConsulServer", "Replica", "RaftStore", "Raft", "Measures", "Disk",
                "VirtualReplica", coreMetrics, logging, nioCore, tracing, inMemoryTracing,
            ]
        ),
        tests(
            "TransportSecurityTests",
            ["TransportSecurity", crypto, logging, nioCore, nioEmbedded, nioSSL, swiftASN1, x509]
        ),
        tests("CommandLineTests", ["roost", argumentParser, x509]),
        tests("TidyTests", []),

    ] + fuzz
)
