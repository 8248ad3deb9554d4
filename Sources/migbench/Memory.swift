import Linux

/// What the broker holds in memory, without the simulated driver that is loaded into it.
enum Memory {
    private static let connections = 256

    /// To be measured of a broker that has answered nobody but the stage.
    static func measure(_ stage: Stage, _ stopwatch: Stopwatch) throws(BenchmarkError) -> Table.Section {
        let idle = try stage.residentMemory()
        let question = try Question(of: stage)
        var kept: [KeptConnection] = []
        for _ in 0..<connections {
            try stopwatch.stopIfAsked()
            let connection = try KeptConnection(to: stage.socket)
            try connection.call(question.message)
            kept.append(connection)
        }
        let crowded = try withExtendedLifetime(kept) { () throws(BenchmarkError) in try stage.residentMemory() }
        try question.echo.stop()
        return Table.Section(
            title: "Resident memory of the broker",
            rows: rows("idle", idle) + rows("with \(connections) connections, each of which has asked", crowded))
    }

    static func rows(_ name: String, _ memory: Stage.Memory) -> [Table.Row] {
        [
            Table.Row(name, bytes: memory.own, aim: .bytes(12_000_000)),
            Table.Row("  and of the simulated library", bytes: memory.library),
        ]
    }
}

/// A machine of eight GPUs, every slice of which is somebody's.
enum FullMachine {
    private static let gpus = 8
    /// How many of the smallest slices a GPU has.
    private static let slices = 7
    private static let rounds = 40
    private static let each = 25

    static func measure(in place: String, _ stopwatch: Stopwatch) throws(BenchmarkError) -> Table.Section {
        let stage = try Stage(in: place, gpus: gpus)
        defer { stage.end() }
        try stage.startBroker()
        let empty = try stage.residentMemory()
        let holder = try Holder(stage)
        var requests = Samples()
        for _ in 0..<gpus {
            try stopwatch.stopIfAsked()
            let start = Clock.monotonic()
            try holder.request(count: slices)
            requests.add(Clock.monotonic() - start)
        }
        let full = try stage.residentMemory()
        let question = try Question(of: stage)
        let echo = try KeptConnection(to: question.echo.path)
        let read = try KeptConnection(to: question.socket)
        try stage.place(question.echo, on: "0")
        let times = try stopwatch.time(
            rounds: rounds, each: each,
            [
                .init { () throws(BenchmarkError) in try echo.call(question.message) },
                .init { () throws(BenchmarkError) in try read.call(question.message) },
            ])
        try stage.place(question.echo, on: try Benchmark.processors())
        let rates = try Throughput.measure(question, stopwatch, 8)
        try question.echo.stop()
        return Table.Section(
            title: "\(gpus) GPUs with \(slices) x \(Stage.profile) each; reads \(question.sizes)",
            rows: Memory.rows("resident memory, all free", empty) + Memory.rows("resident memory, all taken", full) + [
                Table.Row("request of \(slices) slices at once", requests),
                Table.Row("echo, kept connection, on one CPU", times[0]),
                Table.Row("ListGPUs, kept connection, on one CPU", times[1], beside: times[0], aim: .times(150)),
            ] + rates)
    }
}
