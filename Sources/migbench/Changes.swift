import Linux

/// What a change costs beside the two durable appends that it cannot do without.
enum Changes {
    private static let rounds = 200
    /// About an audit record.
    private static let recordBytes = 600

    static func measure(_ stage: Stage, _ stopwatch: Stopwatch) throws(BenchmarkError) -> Table.Section {
        let record = [UInt8](repeating: UInt8(ascii: "x"), count: recordBytes)
        let file = try BenchmarkError.from { () throws(SystemError) in
            try Files.open("\(stage.directory)/appended", [.append, .create], mode: 0o600)
        }
        let raw = Appended(file)
        let holder = try Holder(stage)
        let times = try stopwatch.time(
            rounds: rounds,
            [
                .init { () throws(BenchmarkError) in
                    try raw.append(record)
                    try raw.append(record)
                },
                .init { () throws(BenchmarkError) in try holder.request(count: 1) },
                .init { () throws(BenchmarkError) in try holder.release() },
            ])
        let aim = Table.Aim.floorPlus(200_000)
        return Table.Section(
            title: "Changes, \(rounds) times",
            rows: [
                Table.Row("two durable appends of \(recordBytes) bytes", times[0]),
                Table.Row("request until the lease of a \(Stage.profile)", times[1], beside: times[0], aim: aim),
                Table.Row("release of it", times[2], beside: times[0], aim: aim),
            ])
    }

}

/// A file that is only ever appended to.
final class Appended {
    private let file: FileDescriptor

    init(_ file: consuming FileDescriptor) { self.file = file }

    /// Returns when the bytes are on the disk.
    func append(_ bytes: [UInt8]) throws(BenchmarkError) {
        try BenchmarkError.from { () throws(SystemError) in
            try file.write(bytes)
            try file.synchronizeData()
        }
    }
}
