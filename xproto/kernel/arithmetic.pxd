# What a Plan may calculate; inline, since it is in the middle of every run.

from libc.stdint cimport int64_t, uint64_t

cdef enum:
    ALU_ADD, ALU_SUB, ALU_MUL, ALU_AND, ALU_OR, ALU_XOR, ALU_SHL, ALU_SHR, ALU_DIV, ALU_MOD
    ALU_EQ, ALU_NE, ALU_LT, ALU_LE, ALU_GT, ALU_GE, ALU_LAND, ALU_LOR, ALU_NOT


cdef inline int64_t alu(int flags, int64_t a, int64_t b) noexcept nogil:
    # The lowerer has proven that no result leaves 63 bits; unsigned arithmetic keeps even a broken proof defined.
    if flags == ALU_ADD:
        return <int64_t>(<uint64_t>a + <uint64_t>b)
    elif flags == ALU_SUB:
        return <int64_t>(<uint64_t>a - <uint64_t>b)
    elif flags == ALU_MUL:
        return <int64_t>(<uint64_t>a * <uint64_t>b)
    elif flags == ALU_AND:
        return a & b
    elif flags == ALU_OR:
        return a | b
    elif flags == ALU_XOR:
        return a ^ b
    elif flags == ALU_SHL:
        return <int64_t>(<uint64_t>a << (b & 63))
    elif flags == ALU_SHR:
        return <int64_t>(<uint64_t>a >> (b & 63))
    elif flags == ALU_DIV:
        return 0 if b <= 0 else a // b
    elif flags == ALU_MOD:
        return 0 if b <= 0 else a % b
    elif flags == ALU_EQ:
        return a == b
    elif flags == ALU_NE:
        return a != b
    elif flags == ALU_LT:
        return a < b
    elif flags == ALU_LE:
        return a <= b
    elif flags == ALU_GT:
        return a > b
    elif flags == ALU_GE:
        return a >= b
    elif flags == ALU_LAND:
        return a != 0 and b != 0
    elif flags == ALU_LOR:
        return a != 0 or b != 0
    return not a
