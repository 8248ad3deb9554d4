/// A driver's version, `580.105.08`.
package struct DriverVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let description: String
    private let parts: [Int]

    /// Reads two or three numbers with dots between them, each of at most four digits; anything else is nil.
    package init?(_ text: String) {
        let words = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard words.count == 2 || words.count == 3 else { return nil }
        var parts: [Int] = []
        for word in words {
            guard (1...4).contains(word.count), let number = Self.number(word) else { return nil }
            parts.append(number)
        }
        self.parts = parts
        description = text
    }

    /// What a machine gets when nobody asks for another.
    package static let usual: DriverVersion = "580.105.08"

    /// The first number, 580; one branch has one CUDA version.
    package var branch: Int { parts[0] }

    /// The CUDA version of the branch as NVML codes it: major * 1000 + minor * 10.
    package var cudaVersion: Int {
        let branches: [(from: Int, cuda: Int)] = [
            (450, 11000), (455, 11010), (460, 11020), (465, 11030), (470, 11040), (495, 11050), (510, 11060),
            (515, 11070), (520, 11080), (525, 12000), (530, 12010), (535, 12020), (545, 12030), (550, 12040),
            (555, 12050), (560, 12060), (565, 12070), (570, 12080), (575, 12090), (580, 13000), (590, 13010),
        ]
        return branches.last { $0.from <= branch }?.cuda ?? 11000
    }

    /// NVML's own version: the CUDA major before the driver's version.
    package var nvmlVersion: String { "\(cudaVersion / 1000).\(description)" }

    package static func < (a: DriverVersion, b: DriverVersion) -> Bool { a.parts.lexicographicallyPrecedes(b.parts) }

    // Versions have leading zeros ("580.105.08"), so the domain's strict decimals do not read them.
    private static func number(_ digits: Substring.UTF8View.SubSequence) -> Int? {
        guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        return Int(String(decoding: digits, as: UTF8.self))
    }
}

extension DriverVersion: ExpressibleByStringLiteral {
    package init(stringLiteral text: String) {
        guard let version = DriverVersion(text) else { preconditionFailure("driver version literal: \(text)") }
        self = version
    }
}
