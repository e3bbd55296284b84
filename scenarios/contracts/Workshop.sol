// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

/// @title The corners of the EVM that tokens and pools do not reach, for the recorded blocks: CREATE2, children that
/// destroy themselves, delegate calls, reverts inside calls, precompiles, a counter that everybody increments.
contract Workshop {
    uint256 public counter;
    mapping(uint256 => bytes32) public notes;

    event Built(address child, uint256 salt);
    event Tried(bool ok, bytes answer);

    error Refused(uint256 why);

    function increment() external {
        counter++;
    }

    function note(uint256 key, bytes calldata text) external {
        notes[key] = sha256(text);
        delete notes[key / 2];
    }

    /// Builds a child at an address known beforehand; it lives on only if `keep`.
    function build(uint256 salt, bool keep) external payable {
        Child child = new Child{salt: bytes32(salt), value: msg.value}();
        if (!keep) child.leave(payable(msg.sender));
        emit Built(address(child), salt);
    }

    function refuse(uint256 why) external pure {
        revert Refused(why);
    }

    /// A call that fails does not take the transaction with it.
    function tryRefuse(uint256 why) external {
        (bool ok, bytes memory answer) = address(this).call(abi.encodeCall(this.refuse, (why)));
        emit Tried(ok, answer);
        counter += answer.length;
    }

    /// Runs another contract's code on this one's storage.
    function borrow(address library_, bytes calldata input) external returns (bytes memory answer) {
        bool ok;
        (ok, answer) = library_.delegatecall(input);
        emit Tried(ok, answer);
    }

    function recover(bytes32 digest, uint8 v, bytes32 r, bytes32 s) external returns (address who) {
        who = ecrecover(digest, v, r, s);
        notes[uint160(who)] = digest;
    }
}

contract Child {
    uint256 private born = block.number;

    constructor() payable {}

    function leave(address payable to) external {
        selfdestruct(to);
    }
}
