internal import CLinux
internal import Glibc
package import MIG

/// A POSIX access control list of a file, as the kernel keeps it in `system.posix_acl_access`.
///
/// Written whole, never edited: what an entry was before cannot come back (`facts/nvidia-caps.md` 3.2).
package struct AccessACL: Hashable, Sendable {
    package enum Subject: Hashable, Sendable {
        case owner
        case user(UserID)
        case owningGroup
        case group(GroupID)
        case mask
        case other
    }

    package struct Entry: Hashable, Sendable {
        package let subject: Subject
        /// Of 4 read, 2 write, 1 execute.
        package let permissions: UInt16

        package init(_ subject: Subject, _ permissions: UInt16) {
            self.subject = subject
            self.permissions = permissions
        }
    }

    /// In the order the kernel demands: owner, users by uid, owning group, groups by gid, mask, other.
    package let entries: [Entry]

    package init(_ entries: [Entry]) { self.entries = entries }

    /// What a file has whose mode is all there is.
    package init(mode: UInt32) {
        entries = [
            Entry(.owner, UInt16(mode >> 6 & 7)), Entry(.owningGroup, UInt16(mode >> 3 & 7)),
            Entry(.other, UInt16(mode & 7)),
        ]
    }

    private static let attribute = "system.posix_acl_access"
    private static let version: UInt32 = 2

    /// The list of a path, links not followed; nil where the mode is all there is, or the file system has no lists.
    package static func read(_ path: String) throws(SystemError) -> AccessACL? {
        try unsafe read(path) { buffer in unsafe lgetxattr(path, attribute, buffer.baseAddress, buffer.count) }
    }

    /// The list of an open file.
    package static func read(_ file: borrowing FileDescriptor) throws(SystemError) -> AccessACL? {
        let raw = file.raw
        return try unsafe read("") { buffer in unsafe fgetxattr(raw, attribute, buffer.baseAddress, buffer.count) }
    }

    /// Replaces the whole list, and with it the permission bits of the mode, in one step. `setxattr(2)`
    ///
    /// Needs ownership of the file or CAP_FOWNER. Links are not followed.
    package func apply(to path: String) throws(SystemError) {
        let bytes = encoded()
        _ = try checked("setxattr", path) {
            unsafe bytes.withUnsafeBytes { unsafe lsetxattr(path, Self.attribute, $0.baseAddress, $0.count, 0) }
        }
    }

    /// The permissions that the kernel would find for a user, without any capability. (`acl(5)`, ACCESS CHECK)
    package func permissions(
        of user: UserID, groups: Set<GroupID>, fileOwner: UserID, fileGroup: GroupID
    ) -> UInt16 {
        let mask = entries.first { $0.subject == .mask }?.permissions ?? 7
        if user == fileOwner { return permissions(.owner) ?? 0 }
        if let named = permissions(.user(user)) { return named & mask }
        // Of all groups that match, one that grants everything asked for suffices; for reading alone the union is exact.
        var fromGroups: UInt16?
        for entry in entries {
            let matches =
                switch entry.subject {
                case .owningGroup: groups.contains(fileGroup)
                case .group(let group): groups.contains(group)
                default: false
                }
            if matches { fromGroups = (fromGroups ?? 0) | entry.permissions & mask }
        }
        return fromGroups ?? permissions(.other) ?? 0
    }

    /// Whether anybody but the owner may write.
    package var grantsWriteToOthers: Bool {
        entries.contains { entry in
            switch entry.subject {
            case .owner, .mask: false
            default: entry.permissions & 2 != 0
            }
        }
    }

    private func permissions(_ subject: Subject) -> UInt16? {
        entries.first { $0.subject == subject }?.permissions
    }

    private static func read(
        _ subject: String, _ call: (UnsafeMutableRawBufferPointer) -> Int
    ) throws(SystemError) -> AccessACL? {
        // Nearly every list fits the small buffer, and a gate looks at hundreds; 64 KiB is the kernel's own limit.
        do throws(SystemError) {
            return try unsafe read(subject, room: 256, call)
        } catch  where error.code == .range {
            return try unsafe read(subject, room: 64 << 10, call)
        } catch  where error.code == .noData || error.code == .notSupported {
            return nil
        }
    }

    private static func read(
        _ subject: String, room: Int, _ call: (UnsafeMutableRawBufferPointer) -> Int
    ) throws(SystemError) -> AccessACL {
        var buffer = [UInt8](repeating: 0, count: room)
        let count = try checked("getxattr", subject) {
            unsafe buffer.withUnsafeMutableBytes { unsafe call($0) }
        }
        guard let acl = AccessACL(encoded: buffer[..<count]) else {
            throw SystemError("getxattr", .invalid, subject)
        }
        return acl
    }

    /// `linux/posix_acl_xattr.h`: a version word, then tag, permissions and id of each entry, little-endian.
    private func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        func append(_ value: some FixedWidthInteger) {
            for shift in stride(from: 0, to: value.bitWidth, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: value >> shift))
            }
        }
        append(Self.version)
        for entry in entries {
            let (tag, id): (UInt16, UInt32) =
                switch entry.subject {
                case .owner: (0x01, UInt32.max)
                case .user(let user): (0x02, user.rawValue)
                case .owningGroup: (0x04, UInt32.max)
                case .group(let group): (0x08, group.rawValue)
                case .mask: (0x10, UInt32.max)
                case .other: (0x20, UInt32.max)
                }
            append(tag)
            append(entry.permissions)
            append(id)
        }
        return bytes
    }

    private init?(encoded bytes: ArraySlice<UInt8>) {
        func value(_ offset: Int, _ count: Int) -> UInt32 {
            (0..<count).reduce(0) { $0 | UInt32(bytes[bytes.startIndex + offset + $1]) << UInt32(8 * $1) }
        }
        guard bytes.count >= 4, (bytes.count - 4) % 8 == 0, value(0, 4) == Self.version else { return nil }
        var entries: [Entry] = []
        for offset in stride(from: 4, to: bytes.count, by: 8) {
            let id = value(offset + 4, 4)
            let subject: Subject
            switch value(offset, 2) {
            case 0x01: subject = .owner
            case 0x02: subject = .user(UserID(id))
            case 0x04: subject = .owningGroup
            case 0x08: subject = .group(GroupID(id))
            case 0x10: subject = .mask
            case 0x20: subject = .other
            default: return nil
            }
            entries.append(Entry(subject, UInt16(value(offset + 2, 2))))
        }
        self.init(entries)
    }
}
