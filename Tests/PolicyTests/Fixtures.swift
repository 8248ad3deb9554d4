import Linux
import MIG
import Policy
import Testing

/// The user database of the tests.
enum Names {
    static let users: [String: UInt32] = ["root": 0, "alice": 1000, "bob": 1001, "carol": 1002, "nobody": 65534]
    static let groups: [String: UInt32] = [
        "ml": 100, "ML": 100, "students": 200, "interns": 300, "gpu-admins": 400, "auditors": 500, "gpu": 600,
        "DOM\\all staff": 700, "K8s": 800, "nogroup": 65534,
    ]

    static let resolver = NameResolver(
        user: { name in
            if name.utf8.elementsEqual("slow".utf8) { return .failed(.again) }
            return users[name].map { .found(UserID($0)) } ?? .unknown
        },
        group: { name in
            if name.utf8.elementsEqual("slow".utf8) { return .failed(.io) }
            return groups[name].map { .found(GroupID($0)) } ?? .unknown
        },
        groups: { user in
            switch user {
            case UserID(1000): .found([GroupID(100), GroupID(200)])
            case UserID(7), UserID(1002): .unknown
            default: .failed(.again)
            }
        },
        zone: { (name) throws(TimeZoneError) in if let name { try TimeZone.named(name) } else { .utc } })
}

/// Callers by what decides about them.
func caller(
    _ user: UInt32, groups: [UInt32] = [], peer: [UInt32]? = nil, database: [UInt32]? = nil,
    isKnown: Bool = true, from origin: Origin = .host
) -> Principal {
    Principal(
        user: UserID(user), name: isKnown ? "user\(user)" : nil, primaryGroup: GroupID(9000),
        peerGroups: Set((peer ?? groups).map(GroupID.init)),
        databaseGroups: Set((database ?? groups).map(GroupID.init)),
        origin: origin)
}

/// GPU number `index` of a machine whose first GPUs are A100 and whose others are H100.
func gpu(_ index: Int) throws -> GPU {
    let digits = String(repeating: "0", count: 12 - String(index).utf8.count) + String(index)
    return GPU(
        index: index, uuid: try #require(GPUUUID("GPU-00000000-0000-4000-8000-\(digits)")),
        pci: PCIAddress(domain: 0, bus: UInt8(0x10 + index), device: 0), minor: index,
        name: index < 2 ? "NVIDIA A100-SXM4-40GB" : "NVIDIA H100 80GB HBM3", memoryMiB: 40960,
        mode: MIGMode(isEnabled: true, isPendingEnabled: true))
}

func gpus(_ indices: Int...) throws -> [GPU] { try indices.map(gpu) }

/// One demand for a profile named by its slices and GB, on some GPUs.
func demand(_ profile: String, _ candidates: [GPU]) throws -> Demand {
    let parts = profile.split { $0 == "g" || $0 == "." || $0 == "b" || $0 == "+" }
    let slices = try #require(Int(parts[0]))
    let gigabytes = try #require(Int(parts[1]))
    return Demand(profile: profile, slices: SliceCount(slices), memoryMiB: gigabytes * 1024, candidates: candidates)
}

/// Of a Tuesday.
let noon = Timestamp(secondsSinceEpoch: 1_699_963_200)

func file(_ text: String, _ path: String = "/etc/migbroker/policy.json") -> PolicyFile {
    PolicyFile(path: path, bytes: Array(text.utf8))
}

func load(_ texts: String..., bounds: Bounds = Bounds()) throws(PolicyErrors) -> PolicySet {
    let files = texts.enumerated().map { file($1, "policy\($0).json") }
    return try PolicySet.load(files, names: Names.resolver, bounds: bounds)
}

/// A policy of rules written without the frame around them.
func policy(allow: String = "", deny: String = "", limits: String = "") throws(PolicyErrors) -> PolicySet {
    try load(#"{ "version": 1, "allow": [\#(allow)], "deny": [\#(deny)], "limits": [\#(limits)] }"#)
}

/// What a load found wrong, one `line:column: message` each; empty where it loaded.
func refusals(_ text: String, bounds: Bounds = Bounds()) -> [String] {
    do throws(PolicyErrors) {
        _ = try load(text, bounds: bounds)
        return []
    } catch {
        return error.diagnostics.map { "\($0.line):\($0.column): \($0.message)" }
    }
}

extension PolicySet {
    func ask(
        _ principal: Principal, _ action: Action, _ target: Target = .broker, for duration: TimeSpan? = nil,
        renewals: Int = 0, isolation: Isolation = .advisory, use: [UseEntry] = []
    ) -> Decision {
        decide(
            Query(
                principal: principal, action: action, target: target, duration: duration, renewals: renewals,
                isolation: isolation),
            use: use, now: noon)
    }

    /// A request of one instance.
    func request(
        _ principal: Principal, _ profile: String, on candidates: [GPU], for duration: TimeSpan? = nil,
        isolation: Isolation = .advisory, use: [UseEntry] = []
    ) throws -> Decision {
        ask(
            principal, .request, .instances([try demand(profile, candidates)]), for: duration, isolation: isolation,
            use: use)
    }
}
