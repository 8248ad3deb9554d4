import Linux
import MIG

/// What the daemon was told on its command line, with every path worked out.
struct DaemonOptions {
    let root: String?
    let driver: String?
    let socket: String
    let registry: String
    let policyFile: String
    let policyDirectory: String
    let state: String
    let auditDirectory: String
    let journal: Journal
    let heads: String?
    var auditKey: String { "\(state)/audit-key" }
    let bounds: Bounds
    /// Where the service that ends processes listens.
    let ender: String
    let onlyMakesNodes: Bool
    let onlyEndsProcesses: Bool
    let onlyMakesAuditKey: Bool
    let wantsHelp: Bool
    let wantsVersion: Bool

    /// Which journal is told what the audit log records.
    enum Journal {
        case standard(String)
        case path(String)
        case nowhere
    }

    static let usage = """
        usage: migbrokerd [options]

        The broker of MIG slices: decides by policy, acts through the driver, records every change.

          --root DIR          put every file below DIR instead of /
          --driver DIR        the driver's lib, proc, sys and dev lie in DIR
          --socket PATH       listen there          (/run/migbroker/io.migbroker.Broker)
          --policy FILE       the policy            (/etc/migbroker/policy.json)
          --policy-dir DIR    more policy files     (/etc/migbroker/policy.d)
          --state DIR         checkpoints           (/var/lib/migbroker)
          --audit DIR         the audit log         (/var/log/migbroker)
          --ender PATH        where the service that ends processes listens
                                                    (/run/migbroker/ender)
          --journal PATH      the journal's socket, or none
                                                    (/run/systemd/journal/socket)
          --audit-heads FILE  note the log's heads there too, on another disk for instance
          --limit NAME=N      set a bound; may be repeated
          --make-nodes        make the capability nodes of the GPUs present, and end
          --end-processes     be the service that ends processes, and nothing else
          --init-audit-key    make the key that seals the audit log, show it once, and end
          --version, --help

        """

    init(_ words: [String]) throws(UsageError) {
        let options = try Options(
            words,
            kinds: [
                "--root": .value, "--driver": .value, "--socket": .value, "--policy": .value, "--policy-dir": .value,
                "--state": .value, "--audit": .value, "--journal": .value, "--audit-heads": .value, "--limit": .values,
                "--ender": .value, "--make-nodes": .flag, "--end-processes": .flag, "--init-audit-key": .flag,
                "--help": .flag, "-h": .flag, "--version": .flag,
            ], aliases: ["-h": "--help"])
        if let argument = options.arguments.first ?? options.rest?.first { throw .unexpectedArgument(argument) }
        root = try Self.directory(options, "--root")
        driver = try Self.directory(options, "--driver")
        let prefix = root ?? ""
        let socket = options.value("--socket") ?? "\(prefix)/run/migbroker/io.migbroker.Broker"
        self.socket = socket
        registry = "\(prefix)/run/varlink/registry"
        policyFile = options.value("--policy") ?? "\(prefix)/etc/migbroker/policy.json"
        policyDirectory = options.value("--policy-dir") ?? "\(prefix)/etc/migbroker/policy.d"
        state = options.value("--state") ?? "\(prefix)/var/lib/migbroker"
        auditDirectory = options.value("--audit") ?? "\(prefix)/var/log/migbroker"
        let given = try options.value("--journal", expected: "an absolute path, or none") { text -> Journal? in
            if text.utf8.elementsEqual("none".utf8) { return Journal.nowhere }
            return text.utf8.first == UInt8(ascii: "/") ? .path(text) : nil
        }
        journal = given ?? .standard("\(prefix)/run/systemd/journal/socket")
        heads = try options.value("--audit-heads", expected: "an absolute path") { text in
            text.utf8.first == UInt8(ascii: "/") ? text : nil
        }
        var bounds = Bounds()
        for assignment in options.values("--limit") {
            guard bounds.set(assignment) else {
                let names = Bounds.names.map(\.name).joined(separator: ", ")
                throw .badValue(option: "--limit", value: assignment, expected: "NAME=N with NAME one of \(names)")
            }
        }
        self.bounds = bounds
        ender = options.value("--ender") ?? "\(prefix)/run/migbroker/ender"
        onlyEndsProcesses = options.has("--end-processes")
        onlyMakesNodes = options.has("--make-nodes")
        onlyMakesAuditKey = options.has("--init-audit-key")
        let modes = ["--make-nodes", "--init-audit-key", "--end-processes"].filter(options.has)
        if modes.count > 1 { throw .conflict(modes[0], modes[1]) }
        wantsHelp = options.has("--help")
        wantsVersion = options.has("--version")
    }

    /// A directory without the slashes at its end, so that paths below it have one spelling.
    private static func directory(_ options: Options, _ name: String) throws(UsageError) -> String? {
        try options.value(name, expected: "an absolute path other than /") { text in
            guard text.utf8.first == UInt8(ascii: "/") else { return nil }
            var path = text
            while path.utf8.last == UInt8(ascii: "/") { path.removeLast() }
            return path.isEmpty ? nil : path
        }
    }
}
