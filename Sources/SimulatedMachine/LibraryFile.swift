import Linux

/// The driver's library as a file, in whose tables programs look functions up by name.
struct LibraryFile {
    private(set) var bytes: [UInt8]

    /// The library that a machine is to have.
    init(of plan: MachinePlan) throws(MachineError) {
        do {
            bytes = try Files.read(plan.library, limit: 512 << 20)
        } catch {
            throw .system(error)
        }
        for function in plan.missingFunctions where !remove(function) { throw .refused(.functionNotFound) }
    }

    /// Has the library lack a function, as that of an older driver does.
    ///
    /// The tables have each name between two NULs. With another first letter it is the name of a function that nobody
    /// asks for, and stays where it is.
    ///
    /// - Returns: false where the library has none of that name.
    private mutating func remove(_ function: String) -> Bool {
        let entry = [0] + Array(function.utf8) + [0]
        var rest = 0..<bytes.count
        while let place = ByteSearch.first(entry, in: bytes, rest) {
            bytes[place + 1] = UInt8(ascii: "-")
            rest = place + 1..<bytes.count
        }
        return rest.lowerBound > 0
    }
}
