import MIG

/// An amount of memory in whole MiB, written with binary units only: `512MiB`, `40GiB`, `1TiB`.
struct Size: Hashable, Sendable, CustomStringConvertible {
    let mebibytes: Int

    private static let units: [(name: String, mebibytes: Int)] = [("TiB", 1 << 20), ("GiB", 1 << 10), ("MiB", 1)]

    init(mebibytes: Int) { self.mebibytes = mebibytes }

    /// Reads digits and a unit with nothing between; anything else, or what does not fit, is nil.
    init?(_ text: String) {
        for unit in Self.units where text.utf8.count > 3 && text.utf8.suffix(3).elementsEqual(unit.name.utf8) {
            guard let count = Decimal.value(of: String(decoding: text.utf8.dropLast(3), as: UTF8.self)) else {
                return nil
            }
            let (mebibytes, overflow) = count.multipliedReportingOverflow(by: unit.mebibytes)
            guard !overflow else { return nil }
            self.mebibytes = mebibytes
            return
        }
        return nil
    }

    /// In the largest unit that divides it.
    var description: String {
        for unit in Self.units where mebibytes != 0 && mebibytes % unit.mebibytes == 0 {
            return "\(mebibytes / unit.mebibytes)\(unit.name)"
        }
        return "\(mebibytes)MiB"
    }
}
