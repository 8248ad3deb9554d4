import JSON
import Linux
import TestSupport

/// Whether the kernel let an open of a device node through.
enum OpenResult: Equatable {
    /// It was opened, or the permission checks were passed and no driver answered (ENXIO).
    case allowed
    /// EACCES or EPERM.
    case refused
    case other(String)
}

/// What a simulated machine shows of itself.
struct MachineView {
    let instances: Int
    let text: String
    let value: JSONValue
}

extension Stage {
    /// Opens a node as a person, in a process of his, and tells what the kernel said.
    func opens(_ node: String, as person: Person) throws -> OpenResult {
        let script =
            "import os,sys,errno\ntry:\n os.open(sys.argv[1],os.O_RDONLY)\n print('allowed')\nexcept OSError as e:\n"
            + " print({errno.ENXIO:'allowed',errno.ENODEV:'allowed',errno.EACCES:'refused',errno.EPERM:'refused'}"
            + ".get(e.errno,e.strerror))"
        let said = try run(["python3", "-c", script, node], as: person).output.split(separator: "\n").joined()
        switch said {
        case "allowed": return .allowed
        case "refused": return .refused
        default: return .other(said)
        }
    }

    /// The ids of a person's leases.
    func leases(of person: Person) throws -> [String] {
        try objects(["leases"], "leases", as: person).compactMap { $0["id"]?.stringValue }
    }

    /// The capability nodes of each device of a person, as paths on this host.
    func nodes(of person: Person) throws -> [[String]] {
        try objects(["devices"], "devices", as: person).map { device in
            (device["nodes"]?.arrayValue ?? []).compactMap(\.stringValue)
                .filter { $0.contains("nvidia-caps") }.map { machine + $0 }
        }
    }

    /// The objects of a list that the client prints with --json.
    func objects(_ arguments: [String], _ key: String, as person: Person) throws -> [JSONValue] {
        let command = try migctl(["--json"] + arguments, as: person)
        guard command.code == 0 else { throw StageError(what: command.errors) }
        return try JSONParser.parse(Array(command.output.utf8), limits: .reply)[key]?.arrayValue ?? []
    }

    /// The machine as the simulator's own tool sees it, without the broker.
    func machine() throws -> MachineView {
        let shown = try migsim("show", ["--json"])
        guard shown.code == 0 else { throw StageError(what: shown.errors) }
        let value = try JSONParser.parse(Array(shown.output.utf8), limits: .record)
        let instances = (value["gpus"]?.arrayValue ?? []).flatMap { gpu in
            gpu["instances"]?.arrayValue ?? []
        }
        return MachineView(instances: instances.count, text: shown.output, value: value)
    }
}
