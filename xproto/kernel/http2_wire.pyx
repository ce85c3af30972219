"""The preface, the names of error codes, and the scratch space of header blocks (RFC 9113)."""

from libc.stdint cimport uint8_t
from libc.stdlib cimport calloc, free, malloc

from xproto.kernel.hpack cimport header_t

cdef const uint8_t* PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

NAMES = (
    "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR",
    "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
)
"""Of error codes, in their order."""


cdef scratch_t* new_scratch() except NULL:
    cdef scratch_t* made = <scratch_t*>calloc(1, sizeof(scratch_t))
    if made == NULL:
        raise MemoryError
    made.headers.text, made.headers.room = <uint8_t*>malloc(MAX_LIST), MAX_LIST
    made.headers.fields, made.headers.most = <header_t*>malloc(MAX_LIST_FIELDS * sizeof(header_t)), MAX_LIST_FIELDS
    made.block, made.waste = <uint8_t*>malloc(BLOCK_ROOM), <uint8_t*>malloc(FRAME_HEAD + LEAST_MAX_FRAME)
    if made.headers.text == NULL or made.headers.fields == NULL or made.block == NULL or made.waste == NULL:
        free_scratch(made)
        raise MemoryError
    return made


cdef void free_scratch(scratch_t* scratch) noexcept:
    if scratch != NULL:
        free(scratch.headers.text)
        free(scratch.headers.fields)
        free(scratch.block)
        free(scratch.waste)
        free(scratch)
