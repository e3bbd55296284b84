// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

interface IToken {
    function balanceOf(address account) external view returns (uint256);
    function transfer(address to, uint256 value) external returns (bool);
    function transferFrom(address from, address to, uint256 value) external returns (bool);
}

/// @title A constant-product pool of two tokens with a fee of 0.3 %: every swap writes the same reserves, so swaps of
/// one pool conflict with each other and swaps of different pools do not.
contract Pair {
    IToken public immutable token0;
    IToken public immutable token1;

    uint112 public reserve0;
    uint112 public reserve1;
    uint256 public totalShares;
    mapping(address owner => uint256) public shares;

    bool private transient entered;

    event Swap(address indexed sender, address indexed to, bool zeroForOne, uint256 amountIn, uint256 amountOut);
    event Deposit(address indexed owner, uint256 amount0, uint256 amount1, uint256 shares);

    error Slippage(uint256 amountOut, uint256 minimum);
    error Reentered();
    error NothingIn();

    modifier once() {
        if (entered) revert Reentered();
        entered = true;
        _;
        entered = false;
    }

    constructor(IToken a, IToken b) {
        token0 = a;
        token1 = b;
    }

    function deposit(uint256 amount0, uint256 amount1) external once returns (uint256 minted) {
        minted = totalShares == 0 ? _sqrt(amount0 * amount1) : (amount0 * totalShares) / reserve0;
        if (minted == 0) revert NothingIn();
        totalShares += minted;
        shares[msg.sender] += minted;
        token0.transferFrom(msg.sender, address(this), amount0);
        token1.transferFrom(msg.sender, address(this), amount1);
        _sync();
        emit Deposit(msg.sender, amount0, amount1, minted);
    }

    function swap(bool zeroForOne, uint256 amountIn, uint256 minimumOut, address to)
        external
        once
        returns (uint256 amountOut)
    {
        if (amountIn == 0) revert NothingIn();
        (uint256 reserveIn, uint256 reserveOut) =
            zeroForOne ? (uint256(reserve0), uint256(reserve1)) : (uint256(reserve1), uint256(reserve0));
        uint256 afterFee = amountIn * 997;
        amountOut = (afterFee * reserveOut) / (reserveIn * 1000 + afterFee);
        if (amountOut < minimumOut) revert Slippage(amountOut, minimumOut);
        (IToken paid, IToken bought) = zeroForOne ? (token0, token1) : (token1, token0);
        paid.transferFrom(msg.sender, address(this), amountIn);
        bought.transfer(to, amountOut);
        _sync();
        emit Swap(msg.sender, to, zeroForOne, amountIn, amountOut);
    }

    function _sync() private {
        reserve0 = uint112(token0.balanceOf(address(this)));
        reserve1 = uint112(token1.balanceOf(address(this)));
    }

    function _sqrt(uint256 x) private pure returns (uint256 y) {
        if (x == 0) return 0;
        y = x;
        for (uint256 z = (x + 1) / 2; z < y; z = (x / z + z) / 2) y = z;
    }
}
