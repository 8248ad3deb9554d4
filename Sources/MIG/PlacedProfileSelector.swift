/// A profile with the slice that its instance is to start at, as `nvidia-smi mig -cgi` takes them: `9`, `3g.20gb`,
/// `MIG 3g.20gb`, `19:4`.
package struct PlacedProfileSelector: Hashable, Sendable, CustomStringConvertible {
    package let profile: ProfileSelector
    /// Nil where any legal place will do.
    package let start: Int?

    package init(_ profile: ProfileSelector, start: Int? = nil) {
        self.profile = profile
        self.start = start
    }

    /// Reads a profile, and after a colon a slice from 0 to 63; anything else is nil.
    package init?(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let profile = ProfileSelector(String(decoding: parts[0], as: UTF8.self))
        else { return nil }
        self.profile = profile
        guard parts.count == 2 else {
            start = nil
            return
        }
        guard let start = Decimal.value(of: String(decoding: parts[1], as: UTF8.self)), start < 64 else { return nil }
        self.start = start
    }

    package var description: String { start.map { "\(profile):\($0)" } ?? profile.description }
}

extension ProfileSelector {
    /// Whether a compute instance's profile is meant: by its name, `1c.3g.20gb`, or by its own id.
    package func matches(_ profile: ComputeInstanceProfile) -> Bool {
        switch self {
        case .name(let name): name.utf8.elementsEqual(profile.name.utf8)
        case .id(let id): id.rawValue == profile.id.rawValue
        }
    }
}
