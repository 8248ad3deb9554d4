import Linux
import MIG
import Policy

/// What the daemon does with policy files, over bytes that nobody wrote by hand: reads them as the two files of one policy, and
/// where that loads, decides by it and looks for what `migctl policy check` would say.
///
/// Nothing is asked of the user database or the disk, so that one input costs microseconds and always does the same.
@c(LLVMFuzzerTestOneInput)
public func fuzzPolicy(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    let files = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false).enumerated().map {
        PolicyFile(path: "\($0).json", bytes: Array($1))
    }
    do throws(PolicyErrors) {
        let policy = try PolicySet.load(files, names: Questions.names, bounds: Questions.bounds)
        for diagnostic in PolicyCheck.findings(in: files, names: Questions.names, bounds: Questions.bounds) {
            precondition(diagnostic.severity == .warning, "what loads has an error: \(diagnostic)")
        }
        Questions.ask(policy)
    } catch {
        precondition(!error.diagnostics.isEmpty, "refused without a reason")
        for diagnostic in error.diagnostics {
            precondition(diagnostic.line > 0 && diagnostic.column > 0, "nowhere: \(diagnostic)")
            precondition(!diagnostic.description.isEmpty)
        }
    }
    return 0
}

private enum Questions {
    /// So small that short inputs reach them.
    static let bounds: Bounds = {
        var bounds = Bounds()
        bounds.policyBytes = 6 << 10
        bounds.policyRules = 24
        return bounds
    }()

    /// A user database and zones of a few fixed names.
    static let names = NameResolver(
        user: { name in
            switch name.utf8.first {
            case UInt8(ascii: "a"): .found(UserID(1000))
            case UInt8(ascii: "b"): .found(UserID(UInt32(1000 + name.utf8.count)))
            case UInt8(ascii: "f"): .failed(.again)
            default: .unknown
            }
        },
        group: { name in
            switch name.utf8.first {
            case UInt8(ascii: "g"), UInt8(ascii: "s"): .found(GroupID(UInt32(100 + name.utf8.count)))
            case UInt8(ascii: "f"): .failed(.io)
            default: .unknown
            }
        },
        zone: { (name) throws(TimeZoneError) in
            guard name?.utf8.first != UInt8(ascii: "X") else { throw .unknown }
            return .utc
        })

    private static let gpus = (0..<3).compactMap { index -> GPU? in
        guard let uuid = GPUUUID("GPU-00000000-0000-4000-8000-00000000000\(index)") else { return nil }
        return GPU(
            index: index, uuid: uuid, pci: PCIAddress(domain: 0, bus: UInt8(7 + index), device: 0), minor: index,
            name: index == 0 ? "NVIDIA A100-SXM4-40GB" : "NVIDIA H100 80GB HBM3", memoryMiB: 81_920,
            mode: MIGMode(isEnabled: true, isPendingEnabled: true))
    }

    private static func principal(_ user: UInt32, _ origin: Origin) -> Principal {
        let groups = Set((100..<112).map { GroupID($0) })
        return Principal(
            user: UserID(user), name: "somebody", primaryGroup: GroupID(100), peerGroups: groups,
            databaseGroups: groups.subtracting([GroupID(104)]), origin: origin)
    }

    private static let queries: [(Query, Timestamp?)] = {
        let demands = [
            Demand(profile: "1g.10gb", slices: SliceCount(1), memoryMiB: 10_240, candidates: gpus),
            Demand(profile: "3g.40gb", slices: SliceCount(3), memoryMiB: 40_960, candidates: Array(gpus.prefix(2))),
        ]
        let noon = Timestamp(secondsSinceEpoch: 1_699_963_200)
        return [
            (
                Query(
                    principal: principal(1000, .host), action: .request, target: .instances(demands),
                    duration: TimeSpan(seconds: 7200)), noon
            ),
            (
                Query(
                    principal: principal(0, .container), action: .createGPUInstance,
                    target: .instances(Array(demands.prefix(1))), isolation: .enforced), nil
            ),
            (
                Query(
                    principal: principal(1003, .unknown), action: .renewOwn,
                    target: .instances(Array(demands.suffix(1))), renewals: 2), noon
            ),
            (Query(principal: principal(1000, .host), action: .setMode, target: .gpus(gpus)), noon),
            (Query(principal: principal(0, .host), action: .readAll), nil),
        ]
    }()

    private static let use = (0..<4).map { number in
        UseEntry(
            user: UserID(UInt32(1000 + number)), groups: [GroupID(UInt32(100 + number)), GroupID(105)],
            slices: SliceCount(number), memoryMiB: 10_240)
    }

    static func ask(_ policy: PolicySet) {
        for (query, now) in queries {
            let decision = policy.decide(query, use: use, now: now)
            precondition(decision == policy.decide(query, use: use, now: now), "one question has two answers")
            if let denial = decision.denial {
                precondition(!denial.description.isEmpty)
            } else {
                precondition(!decision.rules.isEmpty, "allowed by no rule")
            }
        }
        for (query, _) in queries.prefix(2) {
            for right in policy.rights(of: query.principal, isolation: .enforced) {
                precondition(!right.rules.isEmpty, "a right from no rule")
            }
            _ = policy.limits(on: query.principal, use: use)
        }
    }
}
