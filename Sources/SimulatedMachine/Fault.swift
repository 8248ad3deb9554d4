package import JSON
import Linux

/// A scripted failure: what happens to a call of the driver's library, before its work or after it.
package struct Fault: Sendable, Hashable {
    /// The function's name. Without a `_vN` it means every spelling; `*` means every call.
    package let call: String
    package let effect: Effect
    /// Whether it strikes when the call has done its work, whatever that came to, and not before.
    package let isLate: Bool
    /// How many calls go by before it acts.
    package var after: Int
    /// How many calls it then acts on; nil for all of them.
    package var times: Int?
    package let delayMilliseconds: Int
    /// How long it acts from the first call on that it acts on; nil for good.
    package let durationMilliseconds: Int?
    /// When that is over, on the kernel's clock since boot; nil until it has begun.
    private(set) var end: Int64?

    /// What a call that meets the fault comes to.
    package enum Effect: Sendable, Hashable {
        /// What it would come to without; only the delay is felt.
        case none
        /// The call returns the code and, unless the fault is late, does nothing and writes nothing. So with SUCCESS it
        /// reports what it did not do, and late with an error it did what it reports as failed.
        case result(DriverCode)
        /// The call never returns.
        case hang
        /// The calling process dies of a segmentation fault.
        case crash
        /// The calling process dies of SIGKILL.
        case kill
    }

    package init(
        call: String, effect: Effect, isLate: Bool = false, after: Int = 0, times: Int? = nil,
        delayMilliseconds: Int = 0, durationMilliseconds: Int? = nil
    ) {
        self.call = call
        self.effect = effect
        self.isLate = isLate
        self.after = after
        self.times = times
        self.delayMilliseconds = delayMilliseconds
        self.durationMilliseconds = durationMilliseconds
    }

    /// Whether the fault is meant for a function.
    func concerns(_ function: String) -> Bool {
        if call.hasBytes(of: "*") || call.hasBytes(of: function) { return true }
        guard function.utf8.starts(with: call.utf8) else { return false }
        let rest = Array(function.utf8.dropFirst(call.utf8.count))
        return rest.count == 3 && rest.starts(with: "_v".utf8) && (0x30...0x39).contains(rest[2])
    }

    /// Counts a call that it is meant for, and tells whether it acts on it.
    mutating func acts(at now: Int64) -> Bool {
        guard after == 0 else {
            after -= 1
            return false
        }
        guard times != 0 else { return false }
        if let durationMilliseconds {
            let end = end ?? now + Int64(durationMilliseconds) * 1_000_000
            guard now < end else { return false }
            self.end = end
        }
        times = times.map { $0 - 1 }
        return true
    }

    /// How the effect is written, for people and in the file.
    package var word: String {
        switch effect {
        case .none: "none"
        case .result(let code): code.name
        case .hang: "hang"
        case .crash: "crash"
        case .kill: "kill"
        }
    }
}

extension Fault {
    static func list(_ bytes: [UInt8]) throws(StateDamage) -> [Fault] {
        do {
            let limits = JSONLimits(bytes: 1 << 20, depth: 4, keysPerObject: 8, stringBytes: 256)
            guard let values = try JSONParser.parse(bytes, limits: limits).arrayValue else {
                throw StateDamage.text("it is not an array")
            }
            return try values.map(Fault.init)
        } catch {
            throw StateDamage(error)
        }
    }

    static func bytes(of faults: [Fault]) -> [UInt8] {
        JSONValue.array(faults.map(\.json)).bytes()
    }

    /// The fault as the machine's file and `migsim show --json` have it.
    package var json: JSONValue {
        [
            "call": .string(call), "effect": .string(word), "late": .bool(isLate), "after": .integer(after),
            "times": times.map { .integer($0) } ?? .null, "delayMs": .integer(delayMilliseconds),
            "forMs": durationMilliseconds.map { .integer($0) } ?? .null, "end": end.map { .integer($0) } ?? .null,
        ]
    }

    private init(_ value: JSONValue) throws {
        var reader = try JSONObjectReader(value, nullIsAbsent: true)
        let range: ClosedRange<Int64> = 0...Int64(Int32.max)
        let word = try reader.string("effect")
        guard let effect = Effect(word) else { throw StateDamage.text("'\(word)' is no effect") }
        self.init(
            call: try reader.string("call"), effect: effect, isLate: try reader.bool("late"),
            after: Int(try reader.integer("after", in: range)),
            times: try reader.optionalInteger("times", in: range).map { Int($0) },
            delayMilliseconds: Int(try reader.integer("delayMs", in: range)),
            durationMilliseconds: try reader.optionalInteger("forMs", in: range).map { Int($0) })
        end = try reader.optionalInteger("end", in: 0...Int64.max)
        try reader.finish()
    }
}

extension Fault.Effect {
    /// Reads `none`, `hang`, `crash`, `kill` or a code of the library; anything else is nil.
    package init?(_ word: String) {
        switch Array(word.utf8) {
        case Array("none".utf8): self = .none
        case Array("hang".utf8): self = .hang
        case Array("crash".utf8): self = .crash
        case Array("kill".utf8): self = .kill
        default:
            guard let code = DriverCode(word) else { return nil }
            self = .result(code)
        }
    }
}
