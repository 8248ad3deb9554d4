internal import CCap
internal import CLinux
internal import Glibc

/// The rights of this process, which it gives up before it listens to anybody.
package enum Privileges {
    /// Whether this thread may use a right now (its effective set).
    package static func holds(_ capability: Capability) throws(PrivilegeError) -> Bool {
        try CapabilitySets.ofThisThread().has(capability.value, in: CAP_EFFECTIVE)
    }

    /// Gives up every right but these, for good: in all five sets, with no_new_privs, not dumpable, and read back.
    ///
    /// To be called from `main` before the first thread: the kernel keeps rights by thread, and libcap changes only
    /// the caller's. Whoever keeps the uid 0 still owns root's files.
    package static func drop(keeping kept: Set<Capability>) throws(PrivilegeError) {
        let threads = try threadCount()
        guard threads == 1 else { throw .severalThreads(threads) }
        try dropOnThisThread(keeping: kept)
    }

    static func dropOnThisThread(keeping kept: Set<Capability>) throws(PrivilegeError) {
        for capability in kept where try !holds(capability) { throw .notHeld(capability) }
        // The bounding set first: to change it takes a right that is about to go.
        let mayChangeBounds = try holds(.setpcap)
        if mayChangeBounds { try dropBounds(keeping: kept) }
        // From here on no program that is executed can gain anything; without CAP_SETPCAP this stands in for the bounds.
        try set("PR_SET_NO_NEW_PRIVS", migbroker_PR_SET_NO_NEW_PRIVS, 1)
        guard cap_reset_ambient() == 0 else { throw .call("cap_reset_ambient", errno: errno) }
        let wanted = try CapabilitySets.empty()
        try wanted.add(kept.map(\.value), to: CAP_PERMITTED)
        try wanted.add(kept.map(\.value), to: CAP_EFFECTIVE)
        try wanted.apply()
        // No core with the audit key in it, and no debugger of the same uid.
        try set("PR_SET_DUMPABLE", migbroker_PR_SET_DUMPABLE, 0)
        try verify(keeping: kept, boundsToo: mayChangeBounds)
    }

    private static func dropBounds(keeping kept: Set<Capability>) throws(PrivilegeError) {
        for value in known() where !kept.contains(where: { $0.value == value }) {
            guard cap_drop_bound(value) == 0 else { throw .call("cap_drop_bound", errno: errno) }
        }
    }

    private static func verify(keeping kept: Set<Capability>, boundsToo: Bool) throws(PrivilegeError) {
        let now = try CapabilitySets.ofThisThread()
        for value in known() {
            let isKept = kept.contains { $0.value == value }
            guard try now.has(value, in: CAP_EFFECTIVE) == isKept, try now.has(value, in: CAP_PERMITTED) == isKept,
                try !now.has(value, in: CAP_INHERITABLE), cap_get_ambient(value) == 0
            else { throw .notDropped("capability \(value) is not as it was set") }
            guard isKept || !boundsToo || cap_get_bound(value) == 0 else {
                throw .notDropped("capability \(value) is still in the bounding set")
            }
        }
        guard migbroker_prctl(Int32(migbroker_PR_GET_NO_NEW_PRIVS), 0) == 1 else {
            throw .notDropped("no_new_privs is off")
        }
        guard migbroker_prctl(Int32(migbroker_PR_GET_DUMPABLE), 0) == 0 else {
            throw .notDropped("a core may be dumped")
        }
    }

    /// All rights that this kernel knows; asking the bounding set for one past the last fails.
    private static func known() -> [cap_value_t] {
        Array((0...).prefix { cap_get_bound($0) >= 0 })
    }

    private static func set(_ name: String, _ option: Int, _ value: UInt) throws(PrivilegeError) {
        guard migbroker_prctl(Int32(option), value) == 0 else { throw .call(name, errno: errno) }
    }

    /// The kernel shows each thread as a directory, and each directory adds a link to the one above it.
    private static func threadCount() throws(PrivilegeError) -> Int {
        var status = stat()
        // SAFETY: status lives through the call.
        guard unsafe stat("/proc/self/task", &status) == 0 else { throw .call("stat /proc/self/task", errno: errno) }
        return Int(status.st_nlink) - 2
    }
}
