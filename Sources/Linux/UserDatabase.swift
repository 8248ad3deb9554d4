internal import CLinux
internal import Glibc
package import MIG

/// What the system's user database says: files, LDAP, whatever `nsswitch.conf` names.
///
/// Every call may block as long as a directory server likes, so the daemon makes them on its name thread only.
package enum UserDatabase {
    /// An answer that never takes "could not ask" for "does not exist".
    package enum Answer<Value: Sendable>: Sendable {
        case found(Value)
        case unknown
        case failed(Errno)
    }

    package struct User: Hashable, Sendable {
        package let name: String
        package let uid: UserID
        package let group: GroupID

        package init(name: String, uid: UserID, group: GroupID) {
            self.name = name
            self.uid = uid
            self.group = group
        }
    }

    package struct Group: Hashable, Sendable {
        package let name: String
        package let gid: GroupID

        package init(name: String, gid: GroupID) {
            self.name = name
            self.gid = gid
        }
    }

    /// `getpwnam_r(3)`
    package static func user(named name: String) -> Answer<User> {
        unsafe user { entry, buffer, size, result in unsafe getpwnam_r(name, entry, buffer, size, result) }
    }

    /// `getpwuid_r(3)`
    package static func user(_ uid: UserID) -> Answer<User> {
        unsafe user { entry, buffer, size, result in unsafe getpwuid_r(uid.rawValue, entry, buffer, size, result) }
    }

    /// `getgrnam_r(3)`
    package static func group(named name: String) -> Answer<Group> {
        unsafe group { entry, buffer, size, result in unsafe getgrnam_r(name, entry, buffer, size, result) }
    }

    /// `getgrgid_r(3)`
    package static func group(_ gid: GroupID) -> Answer<Group> {
        unsafe group { entry, buffer, size, result in unsafe getgrgid_r(gid.rawValue, entry, buffer, size, result) }
    }

    /// All groups of a user, the primary one included. `getgrouplist(3)`
    ///
    /// glibc gives no reason when a source of groups fails, only the groups it could find. What fails for every group
    /// fails for the primary one too, and there it does say so: without that, a deny rule would lose its group
    /// unseen. Of several sources one can still fail alone, so the caller must treat a missing group as missing.
    package static func groups(of user: User) -> Answer<Set<GroupID>> {
        if case .failed(let code) = group(user.group) { return .failed(code) }
        var count: Int32 = 64
        for _ in 0..<12 {
            var groups = [gid_t](repeating: 0, count: Int(count))
            let capacity = count
            // SAFETY: glibc writes at most `count` ids and sets it to the number there are.
            let result = unsafe groups.withUnsafeMutableBufferPointer {
                unsafe getgrouplist(user.name, user.group.rawValue, $0.baseAddress, &count)
            }
            if result >= 0 { return .found(Set(groups.prefix(Int(count)).map(GroupID.init))) }
            guard count > capacity, count <= 1 << 17 else { return .failed(.range) }
        }
        return .failed(.again)
    }

    private typealias Lookup<Entry> = (
        UnsafeMutablePointer<Entry>, UnsafeMutablePointer<CChar>, Int,
        UnsafeMutablePointer<UnsafeMutablePointer<Entry>?>
    ) -> Int32

    private static func user(_ lookup: Lookup<passwd>) -> Answer<User> {
        unsafe find(passwd(), lookup) { entry in
            guard let name = unsafe entry.pw_name else { return nil }
            // SAFETY: a NUL-terminated string inside the buffer that `find` keeps alive.
            return unsafe User(
                name: String(cString: name), uid: UserID(entry.pw_uid), group: GroupID(entry.pw_gid))
        }
    }

    private static func group(_ lookup: Lookup<Glibc.group>) -> Answer<Group> {
        unsafe find(Glibc.group(), lookup) { entry in
            guard let name = unsafe entry.gr_name else { return nil }
            // SAFETY: a NUL-terminated string inside the buffer that `find` keeps alive.
            return unsafe Group(name: String(cString: name), gid: GroupID(entry.gr_gid))
        }
    }

    private static func find<Entry, Value>(
        _ empty: Entry, _ lookup: Lookup<Entry>, _ convert: (Entry) -> Value?
    ) -> Answer<Value> {
        var size = 4096
        while true {
            let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: size)
            defer { unsafe buffer.deallocate() }
            var entry = empty
            var result: UnsafeMutablePointer<Entry>?
            // SAFETY: entry, buffer and result live through the call and the conversion.
            let code = unsafe lookup(&entry, buffer, size, &result)
            switch code {
            case 0:
                guard unsafe result != nil else { return .unknown }
                return convert(entry).map { .found($0) } ?? .failed(.io)
            // POSIX leaves open how "no such name" is told; these are the ways of glibc's sources.
            case ENOENT, ESRCH: return .unknown
            case ERANGE where size < 8 << 20: size *= 4
            case EINTR: continue
            default: return .failed(Errno(rawValue: code))
            }
        }
    }
}
