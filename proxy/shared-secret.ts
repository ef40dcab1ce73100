/** The variable with the token of a cdpmux that programs of one user share; it is written into its address file, which only they can read. */
export const SHARED_SECRET = 'CDPMUX_SHARED_SECRET';
