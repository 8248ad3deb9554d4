import JSON
import Linux
import TestSupport
import Testing

/// What the kernel says of a daemon at one moment.
struct Vitals {
    /// KiB.
    let resident: Int
    /// The most that `resident` was since the last `forgetPeak`.
    let mostResident: Int
    let descriptors: Int
    /// Hundredths of a second, of all its threads.
    let ticks: Int

    init(of daemon: KeptProcess) throws {
        let status = String(decoding: try Files.read("/proc/\(daemon.pid)/status"), as: UTF8.self)
        func kibibytes(_ name: String) throws -> Int {
            let line = status.split(separator: "\n").first { $0.hasPrefix("\(name):") }
            return try #require(line?.split(whereSeparator: { " \t".contains($0) }).compactMap { Int($0) }.first)
        }
        resident = try kibibytes("VmRSS")
        mostResident = try kibibytes("VmHWM")
        descriptors = try Files.list("/proc/\(daemon.pid)/fd").count
        // The second field, a name in brackets, has no spaces here.
        let stat = String(decoding: try Files.read("/proc/\(daemon.pid)/stat"), as: UTF8.self).split(separator: " ")
        ticks = try #require(Int(stat[13])) + #require(Int(stat[14]))
    }

    static func forgetPeak(of daemon: KeptProcess) throws {
        try Files.open("/proc/\(daemon.pid)/clear_refs", .write).write(Array("5".utf8))
    }
}

/// What a flood did, and what others noticed of it.
struct FloodWatch: CustomStringConvertible {
    /// In microseconds.
    struct Latency: CustomStringConvertible {
        let calls: Int
        let p50: Int
        let p99: Int
        let most: Int
        var description: String { "p50 \(p50) us, p99 \(p99) us, most \(most) us of \(calls)" }
    }

    /// How long a campaign lets each flood go on; nil outside one.
    static let campaignSeconds = CurrentProcess.environment("MIGBROKER_FLOOD_SECONDS").flatMap { Double($0) }
    static let isCampaign = campaignSeconds != nil

    /// What the attackers saw, all together.
    var tally: [String: Int] = [:]
    /// What another user heard instead of answers.
    var errors: [String: Int] = [:]
    /// How long his calls took, by their kind.
    var latencies: [String: Latency] = [:]
    let before: Vitals
    var peak: Vitals
    var after: Vitals
    /// Hundredths of one core.
    var share = 0
    /// What the audit log grew by.
    var logBytes = 0

    var description: String {
        let lines =
            latencies.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" } + [
                "memory \(before.resident) KiB, most \(peak.mostResident), after \(after.resident); descriptors "
                    + "\(before.descriptors), after \(after.descriptors); \(share) % of a core; log \(logBytes) bytes",
                "others heard \(errors)", "attackers saw \(tally)",
            ]
        return lines.joined(separator: "\n    ")
    }
}

extension Stage {
    /// Lets a flood loose, with bob as the one who must not notice, and root who looks in now and then.
    func withstand(_ flood: FloodTests.Flood, _ daemon: KeptProcess) throws -> FloodWatch {
        let seconds = flood.seconds
        try prepareFlood()
        // Caches fill, and the heap grows to what a user who does no harm makes it.
        _ = try result(of: startFlood(["victim"], seconds: 0.5, as: Stage.bob), "victim")
        try Vitals.forgetPeak(of: daemon)
        let before = try Vitals(of: daemon)
        let logBefore = try logSize()
        let victim = try startFlood(["victim"], seconds: seconds + 0.3, as: Stage.bob)
        Clock.sleep(milliseconds: 200)
        let began = Clock.monotonic()
        let attackers = try flood.attackers.map { try startFlood(["attack", flood.name], seconds: seconds, as: $0) }
        let maker = try flood.isAboutChanges ? makeChanges(seconds: seconds, as: Stage.crowd[7]) : nil
        while try victim.poll() == nil {
            #expect(try migctl(["whoami"], as: Stage.root).code == 0, "root is served whatever happens")
            Clock.sleep(milliseconds: 200)
        }
        let peak = try Vitals(of: daemon)
        var watch = FloodWatch(before: before, peak: peak, after: peak)
        watch.share = (peak.ticks - before.ticks) * 1_000_000_000 / Int(Clock.monotonic() - began)
        watch.take(try result(of: victim, "victim"))
        for (attacker, person) in zip(attackers, flood.attackers) {
            watch.add(try result(of: attacker, person.name))
        }
        #expect(try maker?.waitForEnd() ?? .exited(0) == .exited(0))
        watch.after = try Vitals(of: daemon)
        watch.logBytes = try logSize() - logBefore
        print("flood: \(flood.name)\n    \(watch)")
        return watch
    }

    /// Has a person make changes, for whatever is about their records and those who follow them.
    func makeChanges(seconds: Double, as person: Person) throws -> KeptProcess {
        try prepareFlood()
        return try startFlood(["attack", "making"], seconds: seconds, as: person)
    }

    private var floodDirectory: String { "\(path)/flood" }

    private func prepareFlood() throws {
        guard !Files.exists(floodDirectory) else { return }
        try Files.makeDirectory(floodDirectory)
        // Each writes down what he saw as who he is.
        try Files.setMode(floodDirectory, 0o777)
        try Files.write("\(floodDirectory)/flood.py", try Files.read(Self.floodScript))
        try Files.setMode("\(floodDirectory)/flood.py", 0o644)
    }

    private func startFlood(_ words: [String], seconds: Double, as person: Person) throws -> KeptProcess {
        let name = words[0] == "victim" ? "victim" : person.name
        let script = "exec python3 \"$0\" \"$@\" > \(floodDirectory)/\(name).json"
        return try start(
            ["sh", "-c", script, "\(floodDirectory)/flood.py"] + words + [socket, "\(seconds)"], as: person)
    }

    private func result(of process: KeptProcess, _ name: String) throws -> JSONValue {
        guard try process.waitForEnd() == .exited(0) else { throw StageError(what: "\(name) of a flood failed") }
        return try JSONParser.parse(try Files.read("\(floodDirectory)/\(name).json"), limits: .reply)
    }

    private func logSize() throws -> Int {
        try Files.list(auditDirectory).filter { $0.hasSuffix(".jsonl") }.reduce(0) {
            try $0 + Int(Files.attributes("\(auditDirectory)/\($1)").size)
        }
    }

    private static let floodScript = {
        let file = #filePath
        return String(file[..<(file.lastIndex(of: "/") ?? file.endIndex)]) + "/flood.py"
    }()
}

extension FloodWatch {
    fileprivate mutating func take(_ report: JSONValue) {
        for member in report.objectValue ?? [] {
            if member.key == "errors" {
                errors = Self.counts(member.value)
            } else {
                let figures = Self.counts(member.value)
                latencies[member.key] = Latency(
                    calls: figures["calls", default: 0], p50: figures["p50", default: 0],
                    p99: figures["p99", default: 0], most: figures["most", default: 0])
            }
        }
    }

    fileprivate mutating func add(_ seen: JSONValue) { tally.merge(Self.counts(seen), uniquingKeysWith: +) }

    private static func counts(_ value: JSONValue) -> [String: Int] {
        Dictionary(uniqueKeysWithValues: (value.objectValue ?? []).map { ($0.key, Int($0.value.integerValue ?? 0)) })
    }
}
