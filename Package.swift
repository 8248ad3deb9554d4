// swift-tools-version: 6.2
import PackageDescription

// Product code is held to the strictest settings the compiler has. The simulator and the tests are full of raw
// pointers by nature, so they keep all of it but the memory-safety markers.
let common: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]
let strict: [SwiftSetting] = common + [.strictMemorySafety()]

// Programs carry the Swift runtime with them: they start faster, and they run under other uids, which may not be
// able to read the toolchain's libraries.
let selfContained: [LinkerSetting] = [.unsafeFlags(["-static-stdlib", "-Xlinker", "-z", "-Xlinker", "now"])]

// The client also carries the C++ library that the runtime is written with (`static/libstdc++.so`), and so starts in
// three quarters of the time; in the daemon, which starts once, it would be memory of its own. Only lld looks into that
// library for what the runtime, named before it, asks for.
let selfContainedClient: [LinkerSetting] =
    selfContained + [
        .unsafeFlags(["-use-ld=lld", "-LSources/CLinux/static", "-Xclang-linker", "-static-libgcc"])
    ]

// The simulated driver is loaded by programs that have a Swift runtime of their own, so it links its own statically
// and exports nothing but the names of the real library.
let simulatedLibrary: [LinkerSetting] = [
    .unsafeFlags([
        "-static-stdlib", "-emit-library",
        "-Xlinker", "-soname=libnvidia-ml.so.1",
        "-Xlinker", "--version-script=Sources/SimulatedNVML/exports.map",
    ])
]

let package = Package(
    name: "migbroker",
    products: [
        .executable(name: "migbrokerd", targets: ["migbrokerd"]),
        .executable(name: "migctl", targets: ["migctl"]),
        .executable(name: "migsim", targets: ["migsim"]),
        .executable(name: "migbench", targets: ["migbench"]),
    ],
    targets: [
        // Level 0: values of the domain, the one JSON parser, C declarations.
        .target(name: "MIG", swiftSettings: strict),
        .target(name: "JSON", swiftSettings: strict),
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CCap", pkgConfig: "libcap", providers: [.apt(["libcap-dev"])]),
        .systemLibrary(name: "CNVML"),

        // Level 1: the kernel and libc, capabilities.
        .target(name: "Linux", dependencies: ["CLinux", "MIG"], swiftSettings: strict),
        .target(name: "Privilege", dependencies: ["CCap", "CLinux"], swiftSettings: strict),

        // Level 2: one concern each, none knows another.
        .target(name: "Policy", dependencies: ["Linux", "MIG", "JSON"], swiftSettings: strict),
        .target(name: "Planner", dependencies: ["MIG"], swiftSettings: strict),
        .target(name: "NVML", dependencies: ["CNVML", "Linux", "MIG"], swiftSettings: strict),
        .target(name: "Nodes", dependencies: ["Linux", "MIG"], swiftSettings: strict),
        .target(name: "Audit", dependencies: ["Linux", "MIG", "JSON"], swiftSettings: strict),
        .target(name: "Varlink", dependencies: ["Linux", "MIG", "JSON"], swiftSettings: strict),

        // Level 3: the pipeline, and the words it is spoken to in.
        .target(
            name: "Broker",
            dependencies: ["Policy", "Planner", "NVML", "Nodes", "Audit", "Linux", "MIG", "JSON"],
            swiftSettings: strict
        ),
        .target(name: "API", dependencies: ["Varlink", "MIG", "JSON"], swiftSettings: strict),

        // Level 4: programs.
        .executableTarget(
            name: "migbrokerd",
            dependencies: [
                "Broker", "API", "Policy", "Planner", "NVML", "Nodes", "Audit", "Varlink", "Linux", "Privilege", "MIG",
                "JSON",
            ],
            swiftSettings: strict,
            linkerSettings: selfContained
        ),
        .executableTarget(
            name: "migctl",
            dependencies: ["API", "Varlink", "Policy", "Audit", "Linux", "MIG", "JSON"],
            swiftSettings: strict,
            linkerSettings: selfContainedClient
        ),
        .executableTarget(
            name: "migsim",
            dependencies: [
                "SimulatedMachine", "Linux", "MIG", "JSON", "SimulatedNVML", "migbrokerd", "migctl",
            ],
            swiftSettings: common,
            linkerSettings: selfContained
        ),
        .executableTarget(
            name: "migbench",
            dependencies: [
                "API", "Varlink", "Policy", "Audit", "NVML", "Linux", "MIG", "JSON", "SimulatedNVML", "migsim",
                "migbrokerd", "migctl",
            ],
            swiftSettings: strict,
            linkerSettings: selfContained
        ),

        // Beside the product: a machine that does not exist, and its libnvidia-ml.so.1.
        .target(name: "SimulatedMachine", dependencies: ["MIG", "JSON", "Linux"], swiftSettings: common),
        .executableTarget(
            name: "SimulatedNVML",
            dependencies: ["SimulatedMachine", "CNVML", "MIG"],
            exclude: ["exports.map"],
            swiftSettings: common,
            linkerSettings: simulatedLibrary
        ),

        // Tests: one target for each target above, and the whole system from outside.
        .target(
            name: "TestSupport",
            dependencies: ["Linux", "MIG", "JSON"],
            path: "Tests/TestSupport",
            swiftSettings: common
        ),
        .testTarget(name: "ArchitectureTests", dependencies: ["TestSupport", "Linux"], swiftSettings: common),
        .testTarget(name: "MIGTests", dependencies: ["TestSupport", "MIG"], swiftSettings: common),
        .testTarget(name: "JSONTests", dependencies: ["TestSupport", "JSON"], swiftSettings: common),
        .testTarget(
            name: "LinuxTests",
            dependencies: ["TestSupport", "Linux", "MIG", "JSON"],
            swiftSettings: common
        ),
        .testTarget(
            name: "PrivilegeTests",
            dependencies: ["TestSupport", "Privilege", "Linux"],
            swiftSettings: common),
        .testTarget(
            name: "PolicyTests",
            dependencies: ["TestSupport", "Policy", "Linux", "MIG", "JSON"],
            exclude: ["reference.py", "validate.py"],
            swiftSettings: common),
        .testTarget(
            name: "PlannerTests",
            dependencies: ["TestSupport", "Planner", "MIG"],
            swiftSettings: common),
        .testTarget(
            name: "NVMLTests",
            dependencies: ["TestSupport", "NVML", "Linux", "MIG"],
            swiftSettings: common),
        .testTarget(
            name: "NodesTests",
            dependencies: ["TestSupport", "Nodes", "Linux", "MIG"],
            swiftSettings: common),
        .testTarget(
            name: "AuditTests",
            dependencies: ["TestSupport", "Audit", "Linux", "MIG", "JSON"],
            exclude: ["golden", "verify_audit.py", "usage.py"],
            swiftSettings: common),
        .testTarget(
            name: "VarlinkTests",
            dependencies: ["TestSupport", "Varlink", "Linux", "JSON", "MIG"],
            swiftSettings: common),
        .testTarget(
            name: "BrokerTests",
            dependencies: [
                "TestSupport", "Broker", "Policy", "Planner", "NVML", "Nodes", "Audit", "Linux", "MIG",
                "JSON",
            ],
            swiftSettings: common),
        .testTarget(
            name: "APITests",
            dependencies: ["TestSupport", "API", "Varlink", "MIG", "JSON"],
            swiftSettings: common),
        .testTarget(
            name: "SimulatedMachineTests",
            dependencies: ["TestSupport", "SimulatedMachine", "Linux", "MIG", "JSON"],
            swiftSettings: common),
        .testTarget(
            name: "SystemTests",
            dependencies: [
                "TestSupport", "Linux", "MIG", "JSON", "Varlink", "API", "Audit", "Policy", "NVML", "Broker",
                "SimulatedMachine",
            ],
            exclude: ["boot.sh", "crowd.py", "flips.py", "flood.py", "hostile.py"],
            swiftSettings: common),
    ]
)
