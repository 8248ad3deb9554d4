import Linux

/// Times things that are to be compared in turns, so that whatever else the machine does meets all of them alike.
struct Stopwatch {
    /// Something to be timed.
    struct Action {
        fileprivate let run: () throws(BenchmarkError) -> Void
        init(_ run: @escaping () throws(BenchmarkError) -> Void) { self.run = run }
    }

    private let signals: Signals

    /// Before the first thread: from here on an interrupt ends the run in order, so that nothing is left behind.
    init() throws(BenchmarkError) {
        signals = try BenchmarkError.from { () throws(SystemError) in
            try Signals([Signals.interrupt, Signals.terminate, Signals.hangUp])
        }
    }

    /// Runs each action so many times in each round, after one round that does not count.
    ///
    /// - Returns: the times of each action.
    func time(rounds: Int, each: Int = 1, _ actions: [Action]) throws(BenchmarkError) -> [Samples] {
        var samples = actions.map { _ in Samples() }
        for round in 0...rounds {
            try stopIfAsked()
            for (number, action) in actions.enumerated() {
                for _ in 0..<each {
                    let start = Clock.monotonic()
                    try action.run()
                    let end = Clock.monotonic()
                    if round > 0 { samples[number].add(end - start) }
                }
            }
        }
        return samples
    }

    /// Throws where somebody wants the run to end.
    func stopIfAsked() throws(BenchmarkError) {
        let signal = try BenchmarkError.from { () throws(SystemError) in try signals.next() }
        if signal != nil { throw .interrupted }
    }
}

/// How long one thing took, each time, in nanoseconds; or how often it was done in a second.
struct Samples {
    private var values: [Int64] = []

    var median: Int64 { quantile(percent: 50) }

    mutating func add(_ value: Int64) { values.append(value) }

    /// What so many of a hundred do not exceed; 0 without samples.
    func quantile(percent: Int) -> Int64 {
        guard !values.isEmpty else { return 0 }
        return values.sorted()[(values.count - 1) * percent / 100]
    }
}
