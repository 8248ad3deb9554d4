import Linux

/// One thing that `migctl` does: how it is called, what it says of itself, and the doing.
struct Verb: Sendable {
    /// One word, or two as in `policy check`.
    let name: String
    /// What follows the name, one way of calling a line.
    let usage: [String]
    /// One line for the list of verbs.
    let summary: String
    /// Options and remarks, as they stand in the help.
    var details: [String] = []
    var options: [String: Options.Kind] = [:]
    let run: @Sendable (Options, Session) throws(Failure) -> ExitCode

    static let groups: [(title: String, verbs: [Verb])] = [
        ("Slices", [.request, .release, .renew, .leases]),
        ("Machine", [.gpus, .profiles, .instances, .devices, .modeEnable, .modeDisable]),
        (
            "Instances, as nvidia-smi mig has them",
            [.gpuInstanceCreate, .gpuInstanceDestroy, .computeInstanceCreate, .computeInstanceDestroy]
        ),
        ("Rights", [.whoami, .explain, .policyCheck, .policyTest, .policyShow]),
        ("Record", [.auditShow, .auditFollow, .auditExplain, .auditUsage, .auditVerify]),
        ("Health", [.doctor]),
    ]
    static var all: [Verb] { groups.flatMap(\.verbs) }
}

/// The options that every verb takes, before or after it.
struct GlobalOptions {
    static let kinds: [String: Options.Kind] = [
        "-q": .flag, "--quiet": .flag, "--json": .flag, "--no-color": .flag, "--dry-run": .flag, "-y": .flag,
        "--yes": .flag, "-h": .flag, "--help": .flag, "--version": .flag, "--socket": .value, "--root": .value,
    ]
    static let aliases = ["-q": "--quiet", "-y": "--yes", "-h": "--help"]

    let isQuiet: Bool
    let isJSON: Bool
    let allowsColor: Bool
    let isDryRun: Bool
    let isYes: Bool
    /// The directory under which the broker's files lie; empty for the real ones.
    let root: String
    let socket: String

    init(_ options: Options) {
        isQuiet = options.has("--quiet")
        isJSON = options.has("--json")
        allowsColor = !options.has("--no-color")
        isDryRun = options.has("--dry-run")
        isYes = options.has("--yes")
        root = options.value("--root").map(Self.absolute) ?? ""
        socket = options.value("--socket") ?? "\(root)/run/migbroker/io.migbroker.Broker"
    }

    /// Without slashes at its end. What is relative is so to the current directory; the broker's files have whole paths.
    private static func absolute(_ root: String) -> String {
        // One that is not there stays as it is, and every file below it is told as missing.
        let isRelative = root.utf8.first != UInt8(ascii: "/")
        let path = isRelative ? (try? Files.resolve(root)) ?? root : root
        return String(path.reversed().drop { $0 == "/" }.reversed())
    }
}
