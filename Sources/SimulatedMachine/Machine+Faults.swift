import Glibc
import Linux

/// Scripted failures, met by each call.
extension Machine {
    /// The faults in force, with what is left of them.
    package func faults() throws(MachineError) -> [Fault] { try faultDocument.value(lock: lock) }

    /// Changes the list of faults.
    package func changeFaults(_ body: (inout [Fault]) -> Void) throws(MachineError) {
        try lock.hold { () throws(MachineError) in
            guard counters.isWritable else { throw .refused(.noPermission) }
            var faults = try faultDocument.valueUnderLock()
            body(&faults)
            try faultDocument.replace(with: faults, Fault.bytes(of: faults))
        }
    }

    /// Counts a call of a function, and gives the fault that is to strike it.
    ///
    /// A process that may not write the machine's files meets a fault without using it up.
    package func meetFault(in function: String) throws(MachineError) -> Fault? {
        guard try faults().contains(where: { $0.concerns(function) }) else { return nil }
        guard counters.isWritable else {
            var faults = try faults()
            return Self.take(in: function, from: &faults)
        }
        return try lock.hold { () throws(MachineError) in
            let before = try faultDocument.valueUnderLock()
            var faults = before
            let taken = Self.take(in: function, from: &faults)
            if faults != before { try faultDocument.replace(with: faults, Fault.bytes(of: faults)) }
            return taken
        }
    }

    private static func take(in function: String, from faults: inout [Fault]) -> Fault? {
        let now = Clock.boottime()
        for index in faults.indices where faults[index].concerns(function) && faults[index].acts(at: now) {
            return faults[index]
        }
        return nil
    }
}

extension Fault {
    /// Has the calling thread feel it: waits, hangs, dies, or goes on.
    ///
    /// - Returns: what the call is to return, or nil where it is to return what it would without.
    package func strike() -> DriverCode? {
        if delayMilliseconds > 0 { Clock.sleep(milliseconds: delayMilliseconds) }
        switch effect {
        case .none: return nil
        case .result(let code): return code
        case .hang:
            while true { pause() }
        case .crash:
            signal(SIGSEGV, SIG_DFL)
            raise(SIGSEGV)
            return .unknown
        case .kill:
            Glibc.kill(getpid(), SIGKILL)
            return .unknown
        }
    }
}
