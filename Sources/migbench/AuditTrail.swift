import Audit
import Linux
import MIG

/// What an auditor waits for, beside what an admin would use for it: `sha256sum`, `jq` and `grep`.
enum AuditTrail {
    private static let appends = 200
    private static let rounds = 3
    private static let sum = "/usr/bin/sha256sum"
    private static let jq = "/usr/bin/jq"
    private static let grep = "/usr/bin/grep"

    static func measure(
        in place: String, _ records: Int, _ stage: Stage, _ stopwatch: Stopwatch
    ) throws(BenchmarkError) -> Table.Section {
        let directory = "\(place)/migbench-\(CurrentProcess.pid)-audit"
        try BenchmarkError.from { () throws(SystemError) in try Files.makeDirectory(directory, mode: 0o700) }
        defer { remove(directory) }
        let sample = try AuditSample(in: directory, records: records, stopwatch)
        return Table.Section(
            title: "The audit log, \(records) records, \(sample.bytes / 1_000_000) MB",
            rows: try writing(in: directory, stopwatch) + verifying(sample, stage, stopwatch)
                + asking(sample, stage, stopwatch))
    }

    /// What a change waits for on the disk.
    private static func writing(in place: String, _ stopwatch: Stopwatch) throws(BenchmarkError) -> [Table.Row] {
        let directory = "\(place)/live"
        let bytes = [UInt8](repeating: UInt8(ascii: "x"), count: 1000)
        let file = try BenchmarkError.from { () throws(SystemError) in
            try Files.makeDirectory(directory, mode: 0o700)
            return try Files.open("\(place)/appended", [.append, .create], mode: 0o600)
        }
        let raw = Appended(file)
        let log = try BenchmarkError.from { () throws(AuditUnavailable) in
            try AuditLog(directory, clock: try .system())
        }
        var life = AuditSample.Life()
        // One more than rounds count: the first does not. What they tell is put together by whoever writes it.
        var changes = (0...appends).map { _ in Array(life.next().prefix(2)) }
        let times = try stopwatch.time(
            rounds: appends,
            [
                .init { () throws(BenchmarkError) in
                    try raw.append(bytes)
                    try raw.append(bytes)
                },
                .init { () throws(BenchmarkError) in
                    let records = changes.removeLast()
                    try BenchmarkError.from { () throws(AuditUnavailable) in
                        let receipt = try log.intend([records[0]])
                        try log.conclude(receipt, [records[1]])
                    }
                },
            ])
        return [
            Table.Row("two durable appends of \(bytes.count) bytes", times[0]),
            Table.Row("intent and outcome", times[1], beside: times[0], aim: .times(120)),
        ]
    }

    private static func verifying(
        _ sample: AuditSample, _ stage: Stage, _ stopwatch: Stopwatch
    ) throws(BenchmarkError) -> [Table.Row] {
        let client = stage.program("migctl")
        let verify = ["audit", "verify"] + sample.files
        let hasSum = Files.exists(sum)
        var actions = [Stopwatch.Action { () throws(BenchmarkError) in try stage.run(client, verify) }]
        if hasSum { actions.append(.init { () throws(BenchmarkError) in try stage.run(sum, sample.files) }) }
        let times = try stopwatch.time(rounds: rounds, actions)
        // A hundredth of a second more for each 4 MB is 400 MB/s.
        let aim = Table.Aim.atMost(sample.bytes * 1000 / 400)
        var rows = [
            hasSum ? Table.Row("sha256sum of it", times[1]) : Table.Row("sha256sum of it", note: "not installed")
        ]
        rows.append(Table.Row("audit verify", times[0], beside: hasSum ? times[1] : nil, aim: aim))
        rows.append(Table.Row("  a second", bytes: sample.bytes * 1_000_000 / max(1, times[0].median / 1000)))
        let child = try RunningProgram(client, verify, log: "\(stage.directory)/log")
        rows.append(Table.Row("  peak memory", bytes: try child.peakMemory(), aim: .bytes(32 << 20)))
        return rows
    }

    private static func asking(
        _ sample: AuditSample, _ stage: Stage, _ stopwatch: Stopwatch
    ) throws(BenchmarkError) -> [Table.Row] {
        let client = stage.program("migctl")
        let user = AuditSample.user
        let show = ["audit", "show", "--json"] + sample.files
        let others: [(name: String, path: String, arguments: [String], times: Int64, rounds: Int)] = [
            ("jq of a user's records", jq, ["-c", "select(.user == \"\(user)\")"], 10, 1),
            // It stops at the first line where it sees that nobody reads the others.
            (
                "grep of a user's records", "/bin/sh",
                ["-c", "\(grep) -F \"$@\" | cat", "sh", "\"user\":\"\(user)\""], 200, rounds
            ),
        ]
        var rows: [Table.Row] = []
        for other in others {
            guard Files.exists(other.path) else {
                rows.append(Table.Row(other.name, note: "not installed"))
                continue
            }
            let times = try stopwatch.time(
                rounds: other.rounds,
                [
                    .init { () throws(BenchmarkError) in try stage.run(other.path, other.arguments + sample.files) },
                    .init { () throws(BenchmarkError) in try stage.run(client, show + ["--user", user]) },
                ])
            rows.append(Table.Row(other.name, times[0]))
            rows.append(Table.Row("audit show --user", times[1], beside: times[0], aim: .times(other.times)))
        }
        let hour = show + ["--since", sample.lastHour.description]
        let times = try stopwatch.time(
            rounds: rounds,
            [
                .init { () throws(BenchmarkError) in try stage.run(client, show + ["--user", "nobody"]) },
                .init { () throws(BenchmarkError) in try stage.run(client, hour) },
            ])
        rows.append(Table.Row("the whole log looked through for nobody", times[0]))
        rows.append(Table.Row("audit show of the last hour", times[1], beside: times[0]))
        return rows
    }

    private static func remove(_ directory: String) {
        do throws(SystemError) { try Files.removeTree(directory) } catch {
            Benchmark.say("\(directory) is left behind: \(error)")
        }
    }
}
