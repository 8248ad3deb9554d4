import MIG
import Policy

/// The same numbers in each run, so that a failure can be met again.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }

    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: 0..<elements.count, using: &self)]
    }

    /// From one to `most` different elements.
    mutating func some<Element>(_ elements: [Element], most: Int) -> [Element] {
        Array(elements.shuffled(using: &self).prefix(Int.random(in: 1...most, using: &self)))
    }
}

/// Rules and limits in JSON, made so that they meet each other and the questions often.
struct RandomPolicy {
    var allow: [String] = []
    var deny: [String] = []
    var limits: [RandomLimit] = []

    static let users: [UInt32] = [1, 2, 3, 4]
    static let groups: [UInt32] = [10, 11, 12, 13, 14, 9000]
    static let profiles = ["1g.5gb", "1g.5gb+me", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb"]
    private static let selectors = [
        "all", "0", "1", "2", "3", "model:NVIDIA A100*", "model:*H100*", "model:??????*", "00000000:11:00.0",
        "GPU-00000000-0000-4000-8000-000000000002",
    ]
    private static let narrowable: [Action] = [
        .request, .createGPUInstance, .renewOwn, .releaseAny, .createComputeInstance,
    ]
    private static let others: [Action] = [.readOwn, .readAudit, .actAs]

    init(_ random: inout SplitMix64) {
        for index in 0..<Int.random(in: 0...8, using: &random) {
            allow.append(Self.rule("a\(index)", isAllow: true, &random))
        }
        for index in 0..<Int.random(in: 0...4, using: &random) {
            deny.append(Self.rule("d\(index)", isAllow: false, &random))
        }
        for index in 0..<Int.random(in: 0...4, using: &random) {
            limits.append(RandomLimit(id: "l\(index)", &random))
        }
    }

    var text: String {
        """
        {"version":1,"allow":[\(allow.joined(separator: ","))],"deny":[\(deny.joined(separator: ","))],\
        "limits":[\(limits.map(\.text).joined(separator: ","))]}
        """
    }

    static func rule(_ id: String, isAllow: Bool, _ random: inout SplitMix64) -> String {
        var keys = [#""id":"\#(id)""#, #""who":\#(who(&random))"#]
        let isNarrow = random.chance(70)
        var actions = random.some(isNarrow ? narrowable : narrowable + others + [.setMode], most: 6)
        if !actions.contains(.request), random.chance(60) { actions.append(.request) }
        keys.append(#""actions":[\#(actions.map { "\"\($0.rawValue)\"" }.joined(separator: ","))]"#)
        if isNarrow, random.chance(60) {
            let chosen = random.some(selectors, most: 3)
            keys.append(#""gpus":[\#(chosen.map { "\"\($0)\"" }.joined(separator: ","))]"#)
        }
        if isNarrow, random.chance(50) {
            let chosen = random.some(profiles + ["all", "max-slices:1", "max-slices:3"], most: 4)
            keys.append(#""profiles":[\#(chosen.map { "\"\($0)\"" }.joined(separator: ","))]"#)
        }
        if random.chance(25) { keys.append(#""from":"\#(random.chance(60) ? "host" : "container")""#) }
        if random.chance(25) { keys.append(#""during":\#(hours(&random))"#) }
        if isAllow, random.chance(15) { keys.append(#""requireIsolation":\#(random.chance(80))"#) }
        return "{\(keys.joined(separator: ","))}"
    }

    private static func hours(_ random: inout SplitMix64) -> String {
        let days = ["", "Mon-Fri", "Sat,Sun", "Fri-Mon", "Wed", "Mon,Wed-Thu,Sun"]
        let spans = ["", "08:00-20:00", "22:00-06:00", "00:00-24:00", "01:30-03:30", "12:00-00:01"]
        let zones = [
            "", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns", "UTC",
        ]
        let texts = (0..<(random.chance(80) ? 1 : 2)).map { _ -> String in
            var words = [random.pick(days), random.pick(spans)].filter { !$0.isEmpty }
            if words.isEmpty { words = ["Tue"] }
            let zone = random.pick(zones)
            return "\"\((words + (zone.isEmpty ? [] : [zone])).joined(separator: " "))\""
        }
        return texts.count == 1 && random.chance(80) ? texts[0] : "[\(texts.joined(separator: ","))]"
    }

    static func who(_ random: inout SplitMix64) -> String {
        let users = random.some(users, most: 2).map(String.init).joined(separator: ",")
        let groups = random.some(groups.dropLast() + [], most: 3).map(String.init).joined(separator: ",")
        return switch Int.random(in: 0..<4, using: &random) {
        case 0: #"{"users":[\#(users)]}"#
        case 1: #"{"users":[\#(users)],"groups":[\#(groups)]}"#
        default: #"{"groups":[\#(groups)]}"#
        }
    }
}

/// A limit whose numbers can be raised.
struct RandomLimit {
    let id: String
    let who: String
    let scope: String
    let kills: Bool
    var numbers: [(key: String, value: Int)] = []

    init(id: String, _ random: inout SplitMix64) {
        self.id = id
        who = RandomPolicy.who(&random)
        scope = random.chance(50) ? "user" : "group"
        kills = random.chance(20)
        let ranges = [
            ("instances", 0...5), ("slices", 0...12), ("memory", 0...60), ("leaseMax", 1...40), ("renewals", 0...3),
        ]
        for (key, range) in ranges where random.chance(35) {
            numbers.append((key, Int.random(in: range, using: &random)))
        }
        if let longest = numbers.first(where: { $0.key == "leaseMax" })?.value, random.chance(50) {
            numbers.append(("leaseDefault", Int.random(in: 1...longest, using: &random)))
        }
    }

    var text: String {
        let dimensions = numbers.map { key, value in
            switch key {
            case "memory": #""memory":"\#(value)GiB""#
            case "leaseMax", "leaseDefault": #""\#(key)":"\#(value)h""#
            default: #""\#(key)":\#(value)"#
            }
        }
        let expiry = #""onExpiry":"\#(kills ? "kill" : "wait")""#
        let keys = [#""id":"\#(id)""#, #""who":\#(who)"#, #""scope":"\#(scope)""#] + dimensions + [expiry]
        return "{\(keys.joined(separator: ","))}"
    }

    /// The same limit with one of its bounds a little or very much higher.
    func raised(_ random: inout SplitMix64) -> RandomLimit {
        var limit = self
        for index in numbers.indices where numbers[index].key != "leaseDefault" && random.chance(60) {
            limit.numbers[index].value += random.chance(50) ? 1 : 1000
        }
        return limit
    }
}
